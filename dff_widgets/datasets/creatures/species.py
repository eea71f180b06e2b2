"""Proportions and colours of the species."""

from __future__ import annotations

from dataclasses import dataclass

from .sdf import Vector


@dataclass(frozen=True)
class Species:
    """Proportions, in units of the height at the withers.

    Attributes:
        length: from the shoulder to the hip.
        chest, belly, rump: radii of the trunk.
        leg, leg_width: height of the elbow, and radius of the upper leg.
        neck, neck_width, neck_pitch: length, radius at the chest, degrees above the horizontal when standing.
        skull, muzzle, muzzle_width: radius of the skull, length from its centre to the nose, radius of the nose.
        ears, ear_length: "up", "side" or "drop".
        horns: "", "cow", "goat" or "antlers".
        tail, tail_length, tail_width: "hair", "tuft", "bush" or "stub".
        mane: hair along the neck.
        hoofed: on hooves, not on paws.
        width: breadth of the body compared with its roundness.
        coats: patterns it may wear.
        colours: pairs (coat, second colour), each linear RGB.
    """

    length: float
    chest: float
    belly: float
    rump: float
    leg: float
    leg_width: float
    neck: float
    neck_width: float
    neck_pitch: float
    skull: float
    muzzle: float
    muzzle_width: float
    ears: str
    ear_length: float
    tail: str
    tail_length: float
    tail_width: float
    coats: tuple[str, ...]
    colours: tuple[tuple[Vector, Vector], ...]
    horns: str = ""
    mane: bool = False
    hoofed: bool = True
    width: float = 0.90


BLACK, WHITE, CREAM = (0.030, 0.026, 0.024), (0.80, 0.77, 0.72), (0.66, 0.52, 0.34)
BAY, CHESTNUT, DUN, GREY = (0.20, 0.075, 0.028), (0.34, 0.13, 0.045), (0.46, 0.31, 0.16), (0.33, 0.33, 0.34)
FAWN, RUST, SAND, DARK = (0.40, 0.22, 0.10), (0.52, 0.19, 0.05), (0.60, 0.43, 0.22), (0.075, 0.055, 0.042)

SPECIES: dict[str, Species] = {
    "horse": Species(
        length=1.00, chest=0.225, belly=0.205, rump=0.225, leg=0.62, leg_width=0.140,
        neck=0.50, neck_width=0.165, neck_pitch=44, skull=0.112, muzzle=0.36, muzzle_width=0.072,
        ears="up", ear_length=0.15, tail="hair", tail_length=0.66, tail_width=0.065, mane=True,
        coats=("plain", "plain", "socks", "patches"),
        colours=((BAY, BLACK), (CHESTNUT, WHITE), (GREY, BLACK), (DUN, DARK), (WHITE, CHESTNUT)),
    ),
    "zebra": Species(
        length=0.96, chest=0.235, belly=0.230, rump=0.235, leg=0.57, leg_width=0.134,
        neck=0.42, neck_width=0.170, neck_pitch=40, skull=0.118, muzzle=0.34, muzzle_width=0.078,
        ears="up", ear_length=0.17, tail="tuft", tail_length=0.48, tail_width=0.032, mane=True,
        coats=("stripes",), colours=((WHITE, BLACK),),
    ),
    "cow": Species(
        length=1.12, chest=0.265, belly=0.270, rump=0.245, leg=0.51, leg_width=0.140,
        neck=0.34, neck_width=0.195, neck_pitch=20, skull=0.135, muzzle=0.34, muzzle_width=0.100,
        ears="side", ear_length=0.18, tail="tuft", tail_length=0.62, tail_width=0.032, horns="cow", width=0.92,
        coats=("patches", "patches", "plain"), hoofed=True,
        colours=((WHITE, BLACK), (WHITE, CHESTNUT), (FAWN, WHITE), (CHESTNUT, WHITE)),
    ),
    "deer": Species(
        length=0.90, chest=0.200, belly=0.180, rump=0.205, leg=0.64, leg_width=0.118,
        neck=0.46, neck_width=0.125, neck_pitch=54, skull=0.105, muzzle=0.28, muzzle_width=0.055,
        ears="side", ear_length=0.21, tail="stub", tail_length=0.18, tail_width=0.050, horns="antlers",
        coats=("countershade", "fawn spots"), colours=((FAWN, WHITE), (RUST, CREAM), (DUN, WHITE)),
    ),
    "dog": Species(
        length=0.96, chest=0.230, belly=0.175, rump=0.195, leg=0.59, leg_width=0.129,
        neck=0.30, neck_width=0.140, neck_pitch=48, skull=0.150, muzzle=0.30, muzzle_width=0.075,
        ears="drop", ear_length=0.22, tail="bush", tail_length=0.52, tail_width=0.055, hoofed=False,
        coats=("plain", "patches", "countershade", "socks"),
        colours=((CREAM, WHITE), (WHITE, BLACK), (CHESTNUT, WHITE), (BLACK, RUST), (WHITE, CHESTNUT)),
    ),
    "fox": Species(
        length=1.00, chest=0.200, belly=0.165, rump=0.180, leg=0.57, leg_width=0.106,
        neck=0.28, neck_width=0.135, neck_pitch=36, skull=0.140, muzzle=0.30, muzzle_width=0.045,
        ears="up", ear_length=0.20, tail="bush", tail_length=0.66, tail_width=0.105, hoofed=False,
        coats=("countershade",), colours=((RUST, WHITE), (GREY, WHITE)),
    ),
    "leopard": Species(
        length=1.14, chest=0.225, belly=0.200, rump=0.210, leg=0.55, leg_width=0.140,
        neck=0.28, neck_width=0.165, neck_pitch=26, skull=0.160, muzzle=0.20, muzzle_width=0.090,
        ears="up", ear_length=0.09, tail="bush", tail_length=0.80, tail_width=0.042, hoofed=False,
        coats=("spots",), colours=((SAND, BLACK), (CREAM, DARK)),
    ),
    "goat": Species(
        length=0.92, chest=0.235, belly=0.245, rump=0.220, leg=0.55, leg_width=0.123,
        neck=0.36, neck_width=0.135, neck_pitch=46, skull=0.118, muzzle=0.27, muzzle_width=0.065,
        ears="side", ear_length=0.19, tail="stub", tail_length=0.16, tail_width=0.045, horns="goat", width=0.92,
        coats=("plain", "patches", "countershade"),
        colours=((WHITE, DARK), (DARK, WHITE), (FAWN, BLACK), (CREAM, CHESTNUT)),
    ),
}  # fmt: skip
