"""Certificates of one CA, which exist for one run."""

import subprocess
from pathlib import Path

EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def openssl(home: Path, *arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def authority(home: Path, *names: str) -> None:
    """Writes ca.pem, and NAME.pem and NAME.key: for localhost, and for spiffe://shop.example/NAME."""
    openssl(home, "req", "-x509", *EC, "-days", "1", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca")
    for name in names:
        (home / "names").write_text(f"subjectAltName=URI:spiffe://shop.example/{name},DNS:localhost")
        openssl(home, "req", *EC, "-keyout", f"{name}.key", "-out", "request", "-subj", f"/CN={name}")
        signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-days", "1", "-extfile", "names"]
        openssl(home, "x509", "-req", "-in", "request", "-out", f"{name}.pem", *signed)
