"""One coordinate followed by a Kalman filter with constant velocity and white acceleration.

Pure Python on floats: four of these are a box, and a frame holds ten boxes, not ten thousand.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Axis:
    """Position and velocity with their covariance [[pp, pv], [pv, vv]]; time in seconds."""

    at: float
    speed: float
    pp: float
    pv: float
    vv: float

    @classmethod
    def start(cls, at: float, *, noise: float, speed_noise: float = 0.0) -> Axis:
        """Seen once: `noise` and `speed_noise` are the standard deviations of what is not known yet."""
        return cls(at, 0.0, noise**2, 0.0, speed_noise**2)

    def copy(self) -> Axis:
        """The same state, to be led elsewhere."""
        return Axis(self.at, self.speed, self.pp, self.pv, self.vv)

    def predict(self, seconds: float, *, jerk: float = 0.0, drift: float = 0.0) -> None:
        """Let time pass.

        In one second the velocity changes by `jerk` and the position, beside its velocity, by `drift`
        (standard deviations).
        """
        power = jerk * jerk
        self.at += self.speed * seconds
        self.pp += seconds * (2.0 * self.pv + seconds * (self.vv + power * seconds / 3.0) + drift * drift)
        self.pv += seconds * (self.vv + power * seconds / 2.0)
        self.vv += power * seconds

    def correct(self, measured: float, *, noise: float) -> None:
        """Take in one measurement with standard deviation `noise`."""
        total = self.pp + noise * noise
        gain, gain_speed = self.pp / total, self.pv / total
        off = measured - self.at
        self.at += gain * off
        self.speed += gain_speed * off
        self.vv -= gain_speed * self.pv
        self.pv *= 1.0 - gain
        self.pp *= 1.0 - gain
