"""The admin port: routes over the rooms, tokens and roles, problem+json."""
