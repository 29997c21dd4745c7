"""How is XML parsed that somebody else wrote? Without entities, without network, without unbounded depth."""

from typing import Any, Final

from lxml import etree

from daeri.library.blocks import Unreadable

_PARSER: Final[dict[str, Any]] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}


def parsed(data: bytes) -> Any:
    """Return the root element.

    Raises:
        Unreadable: it is not XML, too deep, or has a document type.
    """
    try:
        root = etree.fromstring(data, etree.XMLParser(**_PARSER))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unreadable("broken", str(error)[:200]) from None
    if root.getroottree().docinfo.doctype:
        raise Unreadable("broken", "it declares a document type")
    return root


def local(element: Any) -> str:
    """Return an element's name without its namespace."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: Any, name: str, default: str = "") -> str:
    """Return an attribute by its name, whatever its namespace."""
    for key, value in element.attrib.items():
        if key.rpartition("}")[2] == name:
            return str(value)
    return default
