"""Image addresses in the grammars that the rovers' raw image sites use. The site is a constant here; see world."""

from __future__ import annotations

from mm_simulator.core.facts import CAMERA_BY_ID
from mm_simulator.core.frames import Reading, Slot, role
from mm_simulator.core.rand import Rand

_M20 = "https://mars.nasa.gov/mars2020-raw-images/pub/ods/surface/sol/{sol:05d}/ids/edr/browse/{folder}/{file}_1200.jpg"
_MSL_OLD, _MSL_NEW = "http://mars.jpl.nasa.gov", "https://mars.nasa.gov"
_MSL_NEW_FROM = 2200  # sol from which Curiosity's addresses are https
_MSL_B_SIDE_FROM = 200  # sol from which the B-side computer's cameras are in use
_MER = "http://mars.nasa.gov/mer/gallery/all"

# Perseverance: folder, prefix (with the eye where there is one), product, sequence letters, tail.
_M20_KINDS = {
    "NAVCAM": ("ncam", "N{eye}{letter}", "ECM", "NCAM", "295"),
    "FHAZ": ("fcam", "F{eye}{letter}", "ECM", "FHAZ", "295"),
    "RHAZ": ("rcam", "R{eye}{letter}", "ECM", "RHAZ", "295"),
    "MCZ": ("zcam", "Z{eye}{filter}", "EBY", "ZCAM", "0340LM"),
    "SHERLOC_WATSON": ("shrlc", "SI{sherloc}", "EBY", "SRLC", "0000LM"),
    "SUPERCAM_RMI": ("scam", "LR{rmi}", "ECM", "SCAM", "0100I6"),
    "SKYCAM": ("meda", "WSM", "ECM", "MEDA", "0000LU"),
    "LCAM": ("lcam", "ELM", "ECM", "LCAM", "0000LU"),
}
_EDL_PREFIX = {
    "EDL_RUCAM": "EUF",
    "EDL_RDCAM": "EDF",
    "EDL_DDCAM": "ESF",
    "EDL_PUCAM1": "EAF",
    "EDL_PUCAM2": "EBF",
}
_MSL_KINDS = {"FHAZ": ("fcam", "F", "FHAZ"), "RHAZ": ("rcam", "R", "RHAZ"), "NAVCAM": ("ncam", "N", "NCAM")}
_MSSS = {"MAST": "mcam", "MAHLI": "mhli", "MARDI": "mrdi"}
_MER_KINDS = {"FHAZ": "f", "RHAZ": "r", "NAVCAM": "n", "PANCAM": "p", "MINITES": "m", "ENTRY": "e"}
_BASE36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def img_src(
    rand: Rand, rover: str, sol: int, camera_id: int, slot: Slot, index: int, at: Reading, rmc: tuple[int, int],
    driving: bool,
) -> str:  # fmt: skip
    """The address of one photo. ``index`` counts within camera and sol, ``rmc`` is (site, drive) at that time."""
    u = rand.u(rover, sol, f"name-{camera_id}", index)
    if rover == "Perseverance":
        return _m20(sol, camera_id, slot, at, rmc, driving, u)
    if rover == "Curiosity":
        return _msl(sol, camera_id, slot, index, at, rmc, driving, u)
    return _mer(rover, sol, camera_id, slot, index, at, u)


def _m20(sol: int, camera_id: int, slot: Slot, at: Reading, rmc: tuple[int, int], driving: bool, u: float) -> str:
    instrument, eye = role(camera_id)
    sclk, ms = at
    # Both eyes and all versions of a frame carry the same sequence number and letter.
    sequence = (sclk * 31 + slot.frame * 7) % 20000
    if instrument == "EDL":
        folder, prefix, product, letters, tail = (
            "edl",
            _EDL_PREFIX[CAMERA_BY_ID[camera_id].name],
            "ECV",
            "EDLC",
            "0010LU",
        )
        sequence = slot.frame + 1
    else:
        folder, pattern, product, letters, tail = _M20_KINDS[instrument]
        prefix = pattern.format(
            eye=eye, letter="FFFFFFGE"[sequence % 8], filter=int(u * 1.6) * (1 + sequence % 7),
            sherloc="F1"[sequence % 2], rmi="EF"[sequence % 2],
        )  # fmt: skip
    if driving and letters in ("NCAM", "FHAZ", "RHAZ"):
        letters = "AUT_"
    if len(tail) == 3:  # engineering cameras tell the tile
        tail = f"{slot.tile:02d}_{'195' if slot.tiled else tail}"
    file = (
        f"{prefix}_{sol:04d}_{sclk:010d}_{ms:03d}{product}_N{rmc[0]:03d}{rmc[1]:04d}{letters}{sequence:05d}_"
        f"{tail}J{slot.version:02d}"
    )
    return _M20.format(sol=sol, folder=folder, file=file)


def _msl(
    sol: int,
    camera_id: int,
    slot: Slot,
    index: int,
    at: Reading,
    rmc: tuple[int, int],
    driving: bool,
    u: float,
) -> str:
    instrument, eye = role(camera_id)
    host = _MSL_NEW if sol >= _MSL_NEW_FROM else _MSL_OLD
    if instrument in _MSSS:
        return f"{host}/msl-raw-images/msss/{sol:05d}/{_MSSS[instrument]}/{_msss_file(sol, instrument, eye, index, u)}"
    site = f"{rmc[0]:03d}{rmc[1]:04d}"
    sequence = (at[0] * 31 + slot.frame) % 20000
    surface = f"{host}/msl-raw-images/proj/msl/redops/ods/surface/sol/{sol:05d}"
    if instrument.startswith("CHEMCAM"):
        if u < 0.3:
            return f"{surface}/soas/rdr/ccam/CR0_{at[0]:09d}PRC_F{site}CCAM{sequence:05d}L1.PNG"
        return f"{surface}/opgs/edr/ccam/CR0_{at[0]:09d}EDR_F{site}CCAM{sequence:05d}M_.JPG"
    folder, letter, letters = _MSL_KINDS[instrument]
    if eye == "LR":
        eye = "LR"[index % 2]
    side = "B" if sol >= _MSL_B_SIDE_FROM else "A"
    # Frames repeat their sequence number, so the second picture of a busy second must differ in size letter.
    size = "FFFFFFSD"[sequence % 8]
    letters = "TRAV" if driving else letters
    return f"{surface}/opgs/edr/{folder}/{letter}{eye}{side}_{at[0]:09d}EDR_{size}{site}{letters}{sequence:05d}M_.JPG"


def _msss_file(sol: int, instrument: str, eye: str, index: int, u: float) -> str:
    """File names of the science cameras' maker: no clock, but a picture id that counts up."""
    if instrument == "MARDI" and sol == 0:
        return f"0000MD9999{index:06d}I1_DXXX.jpg"
    pair = {"MAHLI": "MH", "MARDI": "MD"}.get(instrument) or f"M{eye or 'LR'[int(u * 2)]}"
    product = "ECIRSUD"[int(u * 97) % 7]
    picture = sol * 1000 % 9_000_000 + index
    return f"{sol:04d}{pair}{sol * 7 % 100000:06d}{index % 1000:03d}{picture:07d}{product}01_DXXX.jpg"


def _mer(rover: str, sol: int, camera_id: int, slot: Slot, index: int, at: Reading, u: float) -> str:
    instrument, eye = role(camera_id)
    number = 1 if rover == "Opportunity" else 2
    folder = _MER_KINDS[instrument]
    product = ("EFF", "EDN", "ESF")[int(u * 3)]
    site = _BASE36[sol // 36 // 36 % 36] + _BASE36[sol // 36 % 36]
    drive = "0" + _BASE36[sol % 36]
    sequence = (1000 + at[0] * 7 + slot.frame) % 10000
    if eye == "LR":
        lens = "LR"[index % 2] + "0"
    elif instrument == "PANCAM":
        lens = "LR"[int(u * 100) % 2] + str(1 + int(u * 1000) % 7)
    else:
        lens = ("M" if instrument == "MINITES" else "N") + "0"
    # The letter tells the kind of sequence: F of the descent camera, and now and then of others.
    kind = "F" if instrument == "ENTRY" or sequence % 8 == 7 else "P"
    file = f"{number}{folder.upper()}{at[0]:09d}{product}{site}{drive}{kind}{sequence:04d}{lens}M{slot.version}-BR.JPG"
    return f"{_MER}/{number}/{folder}/{sol:03d}/{file}"
