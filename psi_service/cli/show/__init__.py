"""What the answers of `psi-node` look like; see psi_client/cli/show."""
