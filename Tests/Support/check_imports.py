#!/usr/bin/env python3
"""Which module may import what: core never imports edge, edges never each other, only CLI wires.

Swift checks the imports of our own targets against Package.swift; it does not check those of other packages.
"""

import pathlib
import re
import sys

# CoreFoundation: depending on what is loaded first, the compiler takes it for the home of `struct stat`.
CORE = {"Crypto", "CryptoExtras", "Synchronization", "FoundationEssentials"}
ALLOWED = {
    "JOSE": CORE,
    "Keys": CORE | {"JOSE"},
    "Discovery": CORE | {"JOSE", "Keys"},
    "Policy": CORE | {"JOSE"},
    "Issuer": CORE | {"JOSE", "Keys", "Discovery", "Policy"},
    "JobFile": CORE | {"JOSE"},
    "SPIFFE": CORE | {"JOSE", "Keys", "SwiftASN1", "X509"},
    # Discovery: what a URL's host is must have one answer, for our issuer and for those we trust.
    "Attestation": CORE | {"JOSE", "Keys", "Discovery", "SPIFFE"},
    "Agent": {"Attestation", "CLinux", "Foundation", "GRPCCore", "GRPCNIOTransportHTTP2Posix", "JOSE", "Keys", "Logging",
              "NIOCore", "NIOHPACK", "NIOHTTP2", "NIOPosix", "SPIFFE", "ServiceLifecycle", "SwiftProtobuf",
              "Synchronization", "WorkloadAPI"},
    "Storage": {"CLinux", "Crypto", "Foundation", "GRDB", "GRDBSQLite", "Issuer", "JOSE", "Keys", "Logging", "Policy",
                "Synchronization"},
    "PostgresStorage": {"CPostgres", "Crypto", "Foundation", "Issuer", "JOSE", "Keys", "Logging", "Policy",
                        "Synchronization"},
    "Server": {"CLinux", "CNghttp2", "Discovery", "Foundation", "Issuer", "JOSE", "Keys", "Logging", "Policy", "NIOCore", "NIOExtras",
               "NIOHTTP1", "NIOPosix", "NIOSSL", "NIOTLS", "ServiceLifecycle", "Synchronization"},
    "Publication": {"AsyncHTTPClient", "Crypto", "Discovery", "Foundation", "JOSE", "Keys", "NIOCore", "NIOHTTP1"},
    "CLI": {"Agent", "ArgumentParser", "AsyncHTTPClient", "Attestation", "CLinux", "Configuration", "CoreFoundation", "Crypto",
            "Discovery", "Foundation", "GRPCCore", "GRPCNIOTransportHTTP2Posix", "Issuer", "JOSE", "JobFile", "Keys",
            "Logging", "NIOCore", "NIOHTTP1", "NIOPosix", "NIOSSL", "Policy", "PostgresStorage", "Publication", "SPIFFE", "Server",
            "ServiceLifecycle", "Storage", "SwiftASN1", "SwiftProtobuf", "Synchronization", "UnixSignals",
            "WorkloadAPI", "X509", "Yams"},
}
IMPORT = re.compile(r"^(?:@\w+ )?(?:(?:public|package|internal|private|fileprivate) )?import (?:\w+ )?(\w+)", re.M)
# What a request could make of the process must never be its end.
TRAP = re.compile(r"\b(try!|as!|fatalError|preconditionFailure|precondition\(|assertionFailure|unowned)")
CORE_MODULES = {"JOSE", "Keys", "Discovery", "Policy", "Issuer", "JobFile", "SPIFFE", "Attestation"}
# Not ours to write: generated.
GENERATED = {"WorkloadAPI"}
CLOCK = re.compile(r"\b(Date\(\)|clock_gettime|ContinuousClock|SuspendingClock|Task\.sleep)")


def problems(root: pathlib.Path):
    for file in sorted(root.glob("Sources/*/**/*.swift")):
        module = file.relative_to(root / "Sources").parts[0]
        if module in GENERATED:
            continue
        text = file.read_text(encoding="utf-8")
        code = re.sub(r"//.*", "", text)
        for name in IMPORT.findall(code):
            if name not in ALLOWED[module]:
                yield f"{file.relative_to(root)}: {module} may not import {name}"
        for trap in TRAP.findall(code):
            yield f"{file.relative_to(root)}: {trap} ends the process"
        if module in CORE_MODULES and CLOCK.search(code):
            yield f"{file.relative_to(root)}: time is an argument in the core"


def main() -> int:
    found = list(problems(pathlib.Path(__file__).resolve().parents[2]))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
