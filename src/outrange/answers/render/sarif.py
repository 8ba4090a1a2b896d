"""Rendering of a diagnosis in SARIF 2.1.0, the exchange format of code scanners."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


SEVERITY = {"PROVED": "error", "MEASURED": "warning", "SUSPECTED": "note"}


def sarif(record: Mapping[str, Any], explanations: Mapping[str, str], uri: str) -> dict[str, Any]:
    """Return the SARIF log of one diagnosis.

    Args:
        record: The diagnosis as returned by `Diagnosis.as_dict`.
        explanations: Dict from code to the explanation of the rule.
        uri: File that the results refer to.

    Reference: OASIS, *Static Analysis Results Interchange Format*, version 2.1.0.
    """
    rules = [
        {
            "id": code,
            "name": title,
            "shortDescription": {"text": title},
            "fullDescription": {"text": explanations.get(code, title)},
        }
        for code, title in record["rules"].items()
    ]
    place = {code: i for i, code in enumerate(record["rules"])}
    results = []
    for finding in record["findings"]:
        names = [{"fullyQualifiedName": finding["layer"]}] if finding["layer"] else []
        results.append(
            {
                "ruleId": finding["code"],
                "ruleIndex": place.get(finding["code"], -1),
                "level": SEVERITY[finding["level"]],
                "message": {"text": f"{finding['message']} Fix: {finding['fix']}"},
                "locations": [
                    {
                        "physicalLocation": {"artifactLocation": {"uri": uri}},
                        "logicalLocations": names,
                    }
                ],
                "properties": finding,
            }
        )
    driver = {"name": "outrange", "rules": rules}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
