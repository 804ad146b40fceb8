"""Write src/chainrule/data/digits.npz, the handwritten digits that the package carries, from
scikit-learn's copy.

    python scripts/make_digits.py            # needs scikit-learn; prints the sha256 that data/digits.py checks

The archive is the same, byte for byte, whenever and wherever it is made: members are stored in a
fixed order with a fixed date, and compressed by `zlib` at its highest level. (Another zlib may
compress differently; the arrays inside are the same even so.)
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np

TARGET = Path(__file__).resolve().parents[1] / "src" / "chainrule" / "data" / "digits.npz"


def archive(arrays: dict[str, np.ndarray]) -> bytes:
    """The bytes of an .npz holding `arrays`, which depend on nothing but the arrays."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1998, 7, 1, 0, 0, 0))
            info.create_system = 3
            info.external_attr = 0o644 << 16
            z.writestr(info, member.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)
    return out.getvalue()


def main() -> None:
    """Load scikit-learn's digits, check them, and write the archive."""
    from sklearn.datasets import load_digits

    source = load_digits()
    images, labels = source.images.astype(np.uint8), source.target.astype(np.uint8)
    if images.shape != (1797, 8, 8) or not (images == source.images).all() or images.max() != 16:
        raise SystemExit(
            f"expected 1797 images of 8×8 integers 0 to 16, found {images.shape}, max {images.max()}"
        )
    content = archive({"images": images, "labels": labels})
    TARGET.write_bytes(content)
    print(f"{TARGET.name}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
