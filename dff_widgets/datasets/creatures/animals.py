"""Four-legged animals as bones: individuals of a species, and their poses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import cos, radians, sin

import numpy as np

from .sdf import Body, Bone, Vector
from .species import SPECIES, Species

PARTS = ("head", "torso", "legs", "tail")
HEAD, TORSO, LEGS, TAIL = range(4)


@dataclass(frozen=True)
class Animal:
    """An animal in a pose, ready to be drawn.

    Attributes:
        body: its bones as a distance field.
        materials: per bone, what it is made of.
        coat: pattern of the coat; `colours`: its two colours.
        nose: tip of the nose; `knee`: height below which socks may begin.
        belly: height of the lowest point of the trunk; `back`: of its highest.
    """

    body: Body
    materials: tuple[str, ...]
    coat: str
    colours: tuple[Vector, Vector]
    nose: Vector
    knee: float
    belly: float
    back: float


def draw_animal(rng: np.random.Generator, species: str) -> Animal:
    """An individual of the species, its build and its pose drawn from `rng`."""
    kind = _individual(rng, SPECIES[species])
    coat = kind.coats[rng.integers(len(kind.coats))]
    colours = kind.colours[rng.integers(len(kind.colours))]
    tint = rng.uniform(0.95, 1.06, 3) * rng.uniform(0.85, 1.15)
    first, second = ((float(r * tint[0]), float(g * tint[1]), float(b * tint[2])) for r, g, b in colours)
    bones, nose = [], (0.0, 0.0, 0.0)
    head_bones, neck_bones, nose = _head_and_neck(rng, kind)
    bones += head_bones
    bones += _trunk(kind) + neck_bones
    bones += _legs(rng, kind)
    bones += _tail(rng, kind)
    bones.sort(key=lambda bone: bone.part)
    middle = _trunk_height(kind)
    return Animal(
        body=Body.from_bones(bones, kind.width),
        materials=tuple(bone.material for bone in bones),
        coat=coat,
        colours=(first, second),
        nose=nose,
        knee=0.40 * kind.leg,
        belly=middle - kind.belly,
        back=middle + kind.chest,
    )


def _individual(rng: np.random.Generator, kind: Species) -> Species:
    """The same species with every proportion varied a little; stout and slim ones vary as a whole."""
    stout = rng.uniform(0.94, 1.08)
    vary: Callable[[float], float] = lambda x: float(x * rng.uniform(0.95, 1.05))  # noqa: E731
    return replace(
        kind,
        length=vary(kind.length),
        chest=vary(kind.chest) * stout,
        belly=vary(kind.belly) * stout,
        rump=vary(kind.rump) * stout,
        leg=vary(kind.leg),
        leg_width=vary(kind.leg_width) * stout,
        neck=vary(kind.neck),
        neck_pitch=kind.neck_pitch + rng.uniform(-8, 8),
        skull=vary(kind.skull),
        muzzle=vary(kind.muzzle),
        ear_length=vary(kind.ear_length),
        tail_length=vary(kind.tail_length),
        horns=kind.horns if rng.random() < 0.75 else "",
    )


def _add(p: Vector, *steps: Vector) -> Vector:
    return (p[0] + sum(s[0] for s in steps), p[1] + sum(s[1] for s in steps), p[2] + sum(s[2] for s in steps))


def _scale(v: Vector, factor: float) -> Vector:
    return (v[0] * factor, v[1] * factor, v[2] * factor)


def _between(a: Vector, b: Vector, t: float) -> Vector:
    return (a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), a[2] + t * (b[2] - a[2]))


def _direction(pitch: float, yaw: float) -> Vector:
    """Unit vector, degrees above the horizontal and to the animal's right."""
    p, y = radians(pitch), radians(yaw)
    return (cos(p) * cos(y), sin(p), cos(p) * sin(y))


def _trunk_height(kind: Species) -> float:
    return kind.leg + 0.55 * kind.chest


def _trunk(kind: Species) -> list[Bone]:
    y, half = _trunk_height(kind), kind.length / 2
    chest = (half - 0.62 * kind.chest, y, 0.0)
    breast = (half - 0.10 * kind.chest, y - 0.10 * kind.chest, 0.0)
    rump = (-half + 0.55 * kind.rump, y + 0.04, 0.0)
    middle = (0.0, y - 0.05 * kind.chest, 0.0)
    withers = (half - 0.75 * kind.chest, y + 0.42 * kind.chest, 0.0)
    croup = (-half + 0.75 * kind.rump, y + 0.35 * kind.rump, 0.0)
    return [
        Bone(TORSO, chest, middle, kind.chest, kind.belly, reach=0.12),
        Bone(TORSO, middle, rump, kind.belly, kind.rump, reach=0.12),
        Bone(TORSO, chest, breast, kind.chest * 0.9, kind.chest * 0.62, reach=0.12),
        Bone(TORSO, withers, croup, kind.chest * 0.58, kind.rump * 0.62, reach=0.12),
    ]


def _head_and_neck(rng: np.random.Generator, kind: Species) -> tuple[list[Bone], list[Bone], Vector]:
    """Bones of the head and of the neck, and the tip of the nose. The lower neck belongs to the torso."""
    pitch, nod, yaw = kind.neck_pitch, rng.uniform(-38, -22), rng.uniform(-28, 28)
    pose = rng.random()
    if pose < 0.15:  # head down, to the grass
        pitch, nod = -28.0, -48.0
    elif pose < 0.35:  # on the alert
        pitch, nod = pitch + 12, nod + 10
    base = (kind.length / 2 - 0.62 * kind.chest, _trunk_height(kind) + 0.22 * kind.chest, 0.0)
    reach = kind.neck + 0.5 * kind.chest
    poll = _add(base, _scale(_direction(pitch, 0.5 * yaw), reach))
    forward = _direction(nod, yaw)
    lowest = poll[1] + forward[1] * kind.muzzle - kind.muzzle_width
    if lowest < 0.06:  # not through the ground
        poll = (poll[0], poll[1] + 0.06 - lowest, poll[2])
    right = _direction(0, yaw + 90)
    up = _direction(nod + 90, yaw)
    spot: Callable[[float, float, float], Vector] = lambda f, u, r: _add(  # noqa: E731
        poll, _scale(forward, f), _scale(up, u), _scale(right, r)
    )
    nose_centre = spot(kind.muzzle, -0.02, 0)
    skull, wide = kind.skull, kind.muzzle_width
    head = [
        Bone(HEAD, spot(0, 0, 0), spot(0.3 * kind.muzzle, 0, 0), skull, 0.88 * skull, reach=0.05),
        Bone(HEAD, spot(0.3 * kind.muzzle, -0.01, 0), nose_centre, 0.82 * skull, wide, reach=0.05),
        Bone(HEAD, spot(0.1 * kind.muzzle, -0.45 * skull, 0), spot(0.9 * kind.muzzle, -0.045, 0),
             0.72 * skull, 0.8 * wide),
        Bone(HEAD, spot(kind.muzzle + 0.55 * wide, 0.28 * wide, 0), spot(kind.muzzle + 0.62 * wide, 0.25 * wide, 0),
             0.50 * wide, 0.50 * wide, "nose", reach=0.03),
    ]  # fmt: skip
    for side in (-1, 1):
        eye = spot(0.30 * kind.muzzle, 0.38 * skull, side * 0.80 * skull)
        head.append(Bone(HEAD, eye, eye, 0.032, 0.032, "eye", reach=0.008))
        head += _ear(kind, spot, side)
        head += _horn(kind, spot, side)
    # The upper neck moves with the head and is taken as part of it by people and networks alike.
    mid = _between(base, poll, 0.60)
    mid_width = 0.45 * kind.neck_width + 0.55 * 0.86 * skull
    neck = [Bone(TORSO, base, mid, kind.neck_width, mid_width, reach=0.10)]
    head.append(Bone(HEAD, mid, poll, mid_width, 0.86 * skull, reach=0.06))
    if kind.mane:
        crest = _scale(_between(up, _direction(pitch + 90, 0.5 * yaw), 0.6), 1.0)
        lift: Callable[[Vector, float], Vector] = lambda p, d: _add(p, _scale(crest, d))  # noqa: E731
        top, bottom = lift(poll, 0.80 * skull), lift(mid, 0.95 * mid_width)
        head.append(Bone(HEAD, top, bottom, 0.045, 0.055, "hair", reach=0.03))
        head.append(Bone(HEAD, top, spot(0.25 * kind.muzzle, 0.85 * skull, 0), 0.045, 0.028, "hair", reach=0.03))
        neck.append(
            Bone(
                TORSO, bottom, lift(_between(base, mid, 0.15), 0.98 * kind.neck_width), 0.055, 0.045, "hair", reach=0.03
            )
        )
    return head, neck, spot(kind.muzzle + 0.8 * wide, 0, 0)


def _ear(kind: Species, spot: Callable[[float, float, float], Vector], side: int) -> list[Bone]:
    skull, length = kind.skull, kind.ear_length
    wide = 0.24 * length + 0.018
    if kind.ears == "up":
        root, tip = (
            spot(-0.30 * skull, 0.62 * skull, side * 0.58 * skull),
            spot(-0.35 * skull, 0.72 * skull + length, side * (0.70 * skull + 0.10 * length)),
        )
        return [Bone(HEAD, root, tip, 0.26 * length + 0.022, 0.010, "ear", reach=0.04)]
    if kind.ears == "side":
        root, mid, tip = (
            spot(-0.35 * skull, 0.50 * skull, side * 0.80 * skull),
            spot(-0.55 * skull, 0.55 * skull + 0.20 * length, side * (0.85 * skull + 0.50 * length)),
            spot(-0.65 * skull, 0.50 * skull + 0.22 * length, side * (0.85 * skull + length)),
        )
    else:
        root, mid, tip = (
            spot(-0.25 * skull, 0.62 * skull, side * 0.80 * skull),
            spot(-0.15 * skull, 0.10 * skull, side * 1.12 * skull),
            spot(0.05 * skull, 0.40 * skull - length, side * 1.08 * skull),
        )
    return [
        Bone(HEAD, root, mid, 0.75 * wide, wide, "ear", reach=0.04),
        Bone(HEAD, mid, tip, wide, 0.012 if kind.ears != "drop" else 0.8 * wide, "ear", reach=0.03),
    ]


def _horn(kind: Species, spot: Callable[[float, float, float], Vector], side: int) -> list[Bone]:
    s = kind.skull
    at: Callable[[float, float, float], Vector] = lambda f, u, r: spot(f * s, u * s, side * r * s)  # noqa: E731
    if kind.horns == "cow":
        path = [at(-0.1, 0.75, 0.55), at(-0.1, 1.1, 1.25), at(0.15, 1.75, 1.45)]
        widths = [0.045, 0.036, 0.010]
    elif kind.horns == "goat":
        path = [at(0.0, 0.85, 0.35), at(-0.35, 1.75, 0.50), at(-1.25, 2.15, 0.70)]
        widths = [0.045, 0.036, 0.010]
    elif kind.horns == "antlers":
        path = [at(-0.1, 0.85, 0.40), at(-0.7, 1.9, 1.15), at(-0.2, 3.1, 1.5)]
        widths = [0.034, 0.026, 0.012]
    else:
        return []
    bones = [Bone(HEAD, a, b, ra, rb, "horn", reach=0.02)
             for a, b, ra, rb in zip(path, path[1:], widths, widths[1:], strict=False)]  # fmt: skip
    if kind.horns == "antlers":
        bones.append(Bone(HEAD, path[1], at(0.35, 2.5, 0.9), 0.024, 0.010, "horn", reach=0.02))
        bones.append(Bone(HEAD, path[0], at(0.55, 1.6, 0.65), 0.026, 0.010, "horn", reach=0.02))
    return bones


def _legs(rng: np.random.Generator, kind: Species) -> list[Bone]:
    """Four legs, standing or in mid-stride: diagonal pairs swing together."""
    walking = rng.random() < 0.6
    stride = rng.uniform(0.5, 1.0) * (0.34 * kind.leg) if walking else 0.0
    phase = rng.choice([-1.0, 1.0])
    y, half = _trunk_height(kind), kind.length / 2
    bones: list[Bone] = []
    for front in (True, False):
        for side in (-1, 1):
            swing = phase * side * (1 if front else -1) * stride + rng.uniform(-0.025, 0.025)
            hip_x = half - 0.62 * kind.chest if front else -half + 0.60 * kind.rump
            spread = 0.50 * (kind.chest if front else kind.rump)
            hip = (hip_x, y - 0.03, side * 0.75 * spread)
            lift = 0.10 * kind.leg * (swing > 0) * walking * (side == phase)
            foot = (hip_x + swing + (0.0 if front else -0.03), 0.055 + lift, side * 0.95 * spread)
            bones += _leg(kind, hip, foot, front, y - kind.belly + 0.04, bend=0.06 * kind.leg + 1.2 * lift)
    return bones


def _leg(kind: Species, hip: Vector, foot: Vector, front: bool, waist: float, bend: float) -> list[Bone]:
    """One leg; what is above the height `waist`, shoulder or haunch, stands out from the trunk and belongs to it."""
    w = kind.leg_width
    waist_share = (hip[1] - waist) / (hip[1] - foot[1])
    if front:
        elbow = _add(_between(hip, foot, waist_share), (0.3 * bend, 0, 0))
        knee = _add(_between(elbow, foot, 0.42), (0.7 * bend, 0, 0))
        bones = [
            Bone(TORSO, hip, elbow, 1.10 * w, 0.76 * w, reach=0.08),
            Bone(LEGS, elbow, knee, 0.78 * w, 0.58 * w),
            Bone(LEGS, knee, foot, 0.58 * w, 0.46 * w),
        ]
    else:
        stifle = _add(_between(hip, foot, waist_share), (0.05 + bend, 0, 0))
        hock = _add(_between(stifle, foot, 0.45), (-0.10 - bend, 0, 0))
        bones = [
            Bone(TORSO, hip, stifle, 1.35 * w, 0.98 * w, reach=0.08),
            Bone(LEGS, stifle, hock, 0.96 * w, 0.58 * w),
            Bone(LEGS, hock, foot, 0.58 * w, 0.46 * w),
        ]
    toe = _add(foot, (0.35 * w, -0.02, 0))
    bones.append(Bone(LEGS, foot, toe, 0.50 * w, 0.54 * w, "hoof" if kind.hoofed else "coat", reach=0.03))
    return bones


def _tail(rng: np.random.Generator, kind: Species) -> list[Bone]:
    y, half = _trunk_height(kind), kind.length / 2
    root = (-half + 0.10 * kind.rump, y + 0.62 * kind.rump, 0.0)
    length, w = kind.tail_length, kind.tail_width
    sway = rng.uniform(-25, 25)
    if kind.tail == "bush":
        first, last = rng.uniform(-30, 25), rng.uniform(-20, 50)
    elif kind.tail == "stub":
        first, last = rng.uniform(-20, 40), rng.uniform(-40, 20)
    else:
        first, last = rng.uniform(-45, -25), rng.uniform(-92, -80)
    back = [
        _scale(_direction(-pitch, yaw), -1) for pitch, yaw in ((first, sway), ((first + last) / 2, sway), (last, sway))
    ]
    share = (0.25, 0.35, 0.40)
    joints = [root]
    for step, fraction in zip(back, share, strict=True):
        joints.append(_add(joints[-1], _scale(step, fraction * length)))
    widths = {
        "hair": (0.7 * w, 1.1 * w, 1.25 * w, 0.35 * w),
        "tuft": (1.1 * w, 0.9 * w, 0.8 * w, 1.9 * w),
        "bush": (0.7 * w, 1.1 * w, 1.15 * w, 0.55 * w),
        "stub": (1.0 * w, 1.1 * w, 1.0 * w, 0.5 * w),
    }[kind.tail]
    materials = {"hair": ("hair",) * 3, "tuft": ("coat", "coat", "hair")}.get(kind.tail, ("coat",) * 3)
    return [Bone(TAIL, joints[i], joints[i + 1], widths[i], widths[i + 1], materials[i], reach=0.05) for i in range(3)]
