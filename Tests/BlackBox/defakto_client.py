"""The package spiffe-defakto against one socket, in a process of its own: its messages have the names of those of spiffe.

    python defakto_client.py SOCKET

prints one JSON object for what it fetched and verified, then one for each change that its watch sees. With
SPIFFE_IDENTITY_EXCHANGE_TOKEN its channel adds that to each request; the package itself knows no such thing.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

import grpc
from cryptography.hazmat.primitives.serialization import Encoding
from spiffe_defakto import SpiffeError
from spiffe_defakto._generated import workloadapi_pb2_grpc
from spiffe_defakto.jwtsvid import parse_and_validate_jwt_svid
from spiffe_defakto.local_workload_api import LocalWorkloadAPIClient, UnixOptions
from spiffe_defakto.x509svid import verify_x509_svid

AUDIENCE = "https://api.example"


class Unary(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, token: str):
        self.token = token

    async def intercept_unary_unary(self, continuation, details, request):
        return await continuation(with_token(details, self.token), request)


class Stream(grpc.aio.UnaryStreamClientInterceptor):
    def __init__(self, token: str):
        self.token = token

    async def intercept_unary_stream(self, continuation, details, request):
        return await continuation(with_token(details, self.token), request)


def with_token(details, token: str):
    metadata = grpc.aio.Metadata(*(details.metadata or ()))
    metadata.add("identity-exchange-token", token)
    return details._replace(metadata=metadata)


def shown(**members) -> None:
    print(json.dumps(members), flush=True)


async def refusal(validation) -> str | None:
    try:
        await validation
    except SpiffeError as error:
        return str(error)
    return None


async def main(socket: str, token: str | None) -> None:
    async with LocalWorkloadAPIClient(UnixOptions(socket_path=socket)) as client:
        if token is not None:
            client._stub = workloadapi_pb2_grpc.SpiffeWorkloadAPIStub(
                grpc.aio.insecure_channel(f"unix:{socket}", interceptors=[Unary(token), Stream(token)]))
        svid = await client.x509.get_svid()
        chain = [certificate.public_bytes(Encoding.DER) for certificate in svid.certificates]
        fetched = await client.jwt.fetch_svid([AUDIENCE])
        validated = await parse_and_validate_jwt_svid(fetched.token, client.jwt, [AUDIENCE])
        shown(x509=str(svid.id), verified=str(await verify_x509_svid(chain, client.x509)), jwt=str(fetched.id),
              validated=str(validated.id), token=fetched.token,
              refused=await refusal(parse_and_validate_jwt_svid(fetched.token, client.jwt, ["https://other.example"])))
        async for context in client.watch_x509_context():
            leaf = context.default_svid().certificates[0]
            (bundle,) = context.bundles.values()
            shown(serial=f"{leaf.serial_number:x}", issuer=leaf.issuer.rfc4514_string(),
                  authorities=sorted(f"{authority.serial_number:x}" for authority in bundle.x509_authorities))


asyncio.run(main(sys.argv[1], os.environ.get("SPIFFE_IDENTITY_EXCHANGE_TOKEN")))
