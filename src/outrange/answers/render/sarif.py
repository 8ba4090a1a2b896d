"""A diagnosis in SARIF 2.1.0, the format that code scanners and their viewers exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..diagnosis import Level


if TYPE_CHECKING:
    from ..diagnosis import Diagnosis

SEVERITY = {Level.PROVED: "error", Level.MEASURED: "warning", Level.SUSPECTED: "note"}


def sarif(answer: Diagnosis, uri: str) -> dict[str, Any]:
    """The log of one run.

    Args:
        answer: The diagnosis.
        uri: What its results point to.

    Reference: OASIS, *Static Analysis Results Interchange Format*, version 2.1.0.
    """
    rules = [
        {
            "id": code,
            "name": title,
            "shortDescription": {"text": title},
            "fullDescription": {"text": answer.explanations.get(code, title)},
        }
        for code, title in answer.rules.items()
    ]
    place = {code: i for i, code in enumerate(answer.rules)}
    results = []
    for finding in answer.findings:
        names = [{"fullyQualifiedName": finding.layer}] if finding.layer else []
        results.append(
            {
                "ruleId": finding.code,
                "ruleIndex": place.get(finding.code, -1),
                "level": SEVERITY[finding.level],
                "message": {"text": f"{finding.message} Fix: {finding.fix}"},
                "locations": [
                    {
                        "physicalLocation": {"artifactLocation": {"uri": uri}},
                        "logicalLocations": names,
                    }
                ],
                "properties": finding.as_dict(),
            }
        )
    driver = {"name": "outrange", "rules": rules}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
