"""Lines along and across borders: flows that pass the edge of a symbol, and flows that end just beyond a frame.

Works on the network before it is searched for ways. Does not know what the lines mean.
"""

from __future__ import annotations

import numpy as np

from vision.heads import HEAD, contact
from vision.linework import Linework
from vision.network import Network

BEYOND = 1.1  # units from a loose end to the frame that it belongs to, at most


def pass_by(net: Network, work: Linework) -> None:
    """Link two ends at the opposite corners of a symbol that run along its edge, towards each other: a flow passes."""
    near = 0.25 * net.unit
    ends: dict[int, list[tuple[int, int]]] = {}
    for i, line in enumerate(net.lines):
        for side in (0, 1):
            if line.alive and line.touches[side] > work.containers:
                ends.setdefault(line.touches[side], []).append((i, side))
    for owner, mine in ends.items():
        box = work.grounds[owner - 1].box
        for k, (i, side) in enumerate(mine):
            for j, other in mine[k + 1 :]:
                a, b = net.lines[i].end(side), net.lines[j].end(other)
                gap = b - a
                size = float(np.hypot(*gap))
                away, back = net.lines[i].away[side], net.lines[j].away[other]
                across = int(abs(gap[0]) > abs(gap[1]))  # 1: the flow lies, and runs along the top or the foot
                edges = (box[across], box[across + 2])
                if i == j or size < 0.9 * (box[3 - across] - box[1 - across]):
                    continue
                if min(away @ gap, -(back @ gap)) < 0.97 * size:
                    continue
                if min(max(abs(a[across] - edge), abs(b[across] - edge)) for edge in edges) >= near:
                    continue
                runs = [
                    line.points[:: -1 if k else 1][: round(net.unit)]
                    for line, k in ((net.lines[i], side), (net.lines[j], other))
                ]
                if max(float(np.ptp(run[:, across])) for run in runs) > 1.0:
                    continue
                marks = [contact(work, at, -out, owner, net.unit, net.width) for at, out in ((a, away), (b, back))]
                if max(mark.score for mark in marks) < HEAD:
                    net.lines[i].touches[side] = net.lines[j].touches[other] = 0
                    net.lines[i].links[side], net.lines[j].links[other] = (j, other), (i, side)


def moor(net: Network, work: Linework) -> None:
    """Tie loose ends right at the border of a frame to it: flows are drawn a little across, and circles sit on it."""
    reach = round(BEYOND * net.unit)
    for line in net.lines:
        for side in (0, 1):
            if not line.alive or line.joints[side] >= 0 or line.touches[side] or line.links[side] is not None:
                continue
            if line.links[1 - side] is None and line.length < 2 * net.unit:
                continue
            x, y = (max(0, round(float(v))) for v in line.end(side))
            near = work.owner[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
            least = 0 if line.links[1 - side] is not None else work.frames  # only dashed flows end at pools
            frames = near[(near > least) & (near <= work.containers)]
            if len(frames):
                line.touches[side] = int(np.bincount(frames).argmax())
