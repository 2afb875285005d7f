#!/usr/bin/env python3
"""Run SAM's own transform over template.yaml and fail on what it refuses.

`sam validate --lint` lets a mistyped property inside a SAM resource or event through (a
`BatchSizze` passed); the transform, which CloudFormation runs at deployment, does not.
Needs infra/requirements.txt, no credentials and no network.

Usage: check-template.py [TEMPLATE]
"""

import os
import sys
from pathlib import Path

from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

# The transform looks names up in this map; AWS would be asked for the rest.
MANAGED_POLICIES = {
    name: f"arn:aws:iam::aws:policy/service-role/{name}"
    for name in ("AWSLambdaBasicExecutionRole", "AWSLambdaSQSQueueExecutionRole")
}
# Required values without a default; their content does not matter to the transform.
PARAMETERS = {
    "AdminKeySha256": "0" * 64,
    "KeyRingSecretArn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:key-ring",
}


class Policies:
    """Stands in for the lookup of managed policies in an account."""

    def load(self):
        return MANAGED_POLICIES


def problems(path):
    """The complaints about the template at `path`, as sentences; none when it is sound."""
    template = yaml_parse(path.read_text(encoding="utf-8"))
    found = []
    for name, resource in template.get("Resources", {}).items():
        properties = resource.get("Properties", {})
        code = properties.get("CodeUri")
        if code is None:
            continue
        # `sam build` reads these folders; the transform accepts only an uploaded object.
        if not (path.parent / code / "Cargo.toml").is_file():
            found.append(f"{name}: CodeUri {code} holds no Cargo.toml; name the folder of its crate")
        properties["CodeUri"] = f"s3://placeholder/{name}.zip"
    try:
        transform(template, PARAMETERS, Policies())
    except InvalidDocumentException as error:
        found += [cause.message for cause in error.causes] or [error.message]
    return found


def main():
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "template.yaml").resolve()
    found = problems(path)
    for problem in found:
        print(f"{path.name}: {problem}", file=sys.stderr)
    if found:
        return 1
    print(f"{path.name}: SAM's transform accepts it")
    return 0


if __name__ == "__main__":
    # The transform asks boto3 for a region; any will do.
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    sys.exit(main())
