"""Headers and mappings: long, wide, renamed; and what cannot be meant."""

from __future__ import annotations

import pytest

from psi_core.errors import InputError, InvalidConfiguration
from psi_service.imports.columns import FIELDS, ColumnMap, CsvLayout


def _layout(header: str, mapping: dict[str, str] | None = None, actor_column: str = "actor") -> CsvLayout:
    return CsvLayout.of(header.split(","), ColumnMap.of(mapping or {}, actor_column))


def test_the_long_form() -> None:
    layout = _layout(",".join(FIELDS))
    assert layout.columns == tuple((index, name, name) for index, name in enumerate(FIELDS))
    assert (layout.width, layout.ignored) == (len(FIELDS), ())


def test_columns_in_any_order_case_and_white_space_and_unknown_ones_told() -> None:
    layout = _layout(" Value ,KIND,frist_seen,Actor")
    assert layout.columns == ((0, "Value", "value"), (1, "KIND", "kind"), (3, "Actor", "actor"))
    assert layout.ignored == ("frist_seen",)


def test_the_wide_form_takes_several_columns_of_a_kind_and_no_kind_column() -> None:
    layout = _layout("actor,mail,mail2,kind,tlp", {"mail": "email", "MAIL2": "email"})
    assert layout.columns == (
        (0, "actor", "actor"),
        (1, "mail", "email"),
        (2, "mail2", "email"),
        (4, "tlp", "tlp"),
    )
    assert layout.ignored == ("kind",)


def test_columns_may_be_renamed() -> None:
    layout = _layout("account,type,indicator", {"type": "kind", "indicator": "value"}, "account")
    assert [target for _, _, target in layout.columns] == ["actor", "kind", "value"]
    assert _layout("who,kind,value", {"who": "actor"}).columns[0] == (0, "who", "actor")


def test_a_column_named_like_a_field_may_mean_a_kind() -> None:
    layout = _layout("actor,label", {"label": "organisation"})
    assert layout.columns[1] == (1, "label", "organisation")


@pytest.mark.parametrize(
    ("header", "mapping", "words"),
    [
        ("actor,kind", {}, "lacks value"),
        ("kind,value", {}, "lacks actor"),
        ("mail", {"mail": "email"}, "lacks actor"),
        ("actor,phone", {"mail": "email"}, "lacks mail"),
        ("actor,kind,value,Value", {}, "names a column twice"),
        ("actor;kind;value", {}, "separated by commas"),
        ("acct-1,email,secret@example.com", {}, "must name the columns"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused_without_repeating_it(
    header: str, mapping: dict[str, str], words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        _layout(header, mapping)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"mail": "emial"}, "neither a kind nor a field"),
        ({"a": "label", "b": "label"}, "mapped to one field"),
        ({"mail": "email", "type": "kind"}, "one form or the other"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(mapping: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidConfiguration, match=words):
        ColumnMap.of(mapping)
