"""Makes what cert-manager would make of its Certificates: Secrets, signed by the authority that they name."""

import base64
import subprocess
import tempfile
from pathlib import Path

# What cert-manager calls them, and openssl.
USAGES = {"digital signature": "digitalSignature", "server auth": "serverAuth", "client auth": "clientAuth"}
EXTENDED = {"serverAuth", "clientAuth"}


def openssl(*arguments):
    subprocess.run(["openssl", *[str(word) for word in arguments]], check=True, stderr=subprocess.PIPE)


def secrets(documents):
    """A Secret for each Certificate among these documents."""
    certificates = [d for d in documents if d["kind"] == "Certificate"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        authority = next(c for c in certificates if c["spec"].get("isCA"))
        make_authority(folder, authority["spec"])
        yield secret(folder, authority, "ca")
        for certificate in certificates:
            if certificate is not authority:
                make_certificate(folder, certificate["spec"])
                yield secret(folder, certificate, "tls")


def make_authority(folder, spec):
    key(folder / "ca.key")
    openssl("req", "-x509", "-new", "-key", folder / "ca.key", "-out", folder / "ca.crt", "-days", 3650,
            "-subj", f"/CN={spec['commonName']}", "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip


def make_certificate(folder, spec):
    usages = [USAGES[usage] for usage in spec["usages"]]
    names = [f"DNS:{name}" for name in spec.get("dnsNames", [])]
    names += [f"IP:{address}" for address in spec.get("ipAddresses", [])]
    extensions = [
        "basicConstraints=critical,CA:FALSE",
        "keyUsage=critical," + ",".join(usage for usage in usages if usage not in EXTENDED),
        "extendedKeyUsage=" + ",".join(usage for usage in usages if usage in EXTENDED),
    ]
    if names:
        extensions.append("subjectAltName=" + ",".join(names))
    (folder / "extensions").write_text("\n".join(extensions))
    key(folder / "tls.key")
    openssl("req", "-new", "-key", folder / "tls.key", "-out", folder / "request",
            "-subj", f"/CN={spec['commonName']}")  # fmt: skip
    openssl("x509", "-req", "-in", folder / "request", "-out", folder / "tls.crt", "-days", 90,
            "-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-CAcreateserial",
            "-extfile", folder / "extensions")  # fmt: skip


def key(path):
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)


def secret(folder, certificate, name):
    files = {"ca.crt": "ca.crt", "tls.crt": f"{name}.crt", "tls.key": f"{name}.key"}
    data = {to: base64.b64encode((folder / file).read_bytes()).decode() for to, file in files.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": certificate["spec"]["secretName"],
                     "namespace": certificate["metadata"]["namespace"]},
        "data": data,
    }  # fmt: skip
