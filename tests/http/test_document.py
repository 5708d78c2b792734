"""README.md says what the lists say."""

import tables


def test_the_tables_of_the_document_are_those_of_the_lists():
    document = tables.DOCUMENT.read_text()
    assert tables.rendered(document) == document, "run tables.py"
