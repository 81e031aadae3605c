"""The faults: what each is, whether it takes the home Region, and which are chosen by a seed. No clock, no lab."""

import random
from collections import namedtuple

HOME, RECOVERY, WITNESS = "us-east-1", "us-west-2", "eu-west-1"
REGIONS = (HOME, RECOVERY, WITNESS)

# A fault takes the Region when the application there can serve nobody else, or can no longer hold the writer lease,
# until a person mends something: then it is failed over, exactly once. All else must move nothing.
TAKES = {
    "kill": True,         # every process in home ends at once, the lab's, Leeward's and the member of etcd
    "dark": True,         # home lives, but nothing gets in or out
    "cut-off": True,      # nothing passes between home and the other Regions, while clients outside still reach it
    "mute": True,         # nothing gets from home to the other Regions
    "deaf": True,         # nothing gets from the other Regions to home
    "cut": False,         # nothing passes between two Regions; each still has the third
    "one-way": False,     # nothing gets from one Region to one other
    "slow": False,        # two Regions are up to 2 s further apart, each way
    "controller": False,  # one ends; its service manager starts it again, as the next three
    "observer": False,
    "guard": False,
    "etcd": False,        # a member ends and stays away while the fault lasts
}
KINDS = tuple(TAKES)
RESTART = 1.0  # seconds: RestartSec of the units in packaging/systemd

# `a`, `b`: Regions, or the place of the process that ends; `extra`: seconds of delay; `moment`: seconds from calm to
# the fault; `lasts`: of what takes nothing; `also`: kind and place of a process that ends soon after, and when.
Fault = namedtuple("Fault", "number kind a b extra moment lasts also")


def choose(seed, count, kinds=KINDS):
    """The run's faults, by the seed alone. One in three takes the Region; each kind before any comes again."""
    taking = [kind for kind in kinds if TAKES[kind]]
    passing = [kind for kind in kinds if not TAKES[kind]]
    decks = {True: [], False: []}
    faults = []
    for number in range(count):
        chance = random.Random("%d/%d" % (seed, number))
        takes = not passing or (bool(taking) and number % 3 == 1)
        if not decks[takes]:
            decks[takes] = list(taking if takes else passing)
        kind = decks[takes].pop(chance.randrange(len(decks[takes])))
        faults.append(_fault(number, kind, chance))
    return faults


def _fault(number, kind, chance):
    a, b = HOME, ""
    if kind in ("cut", "one-way", "slow"):
        a, b = chance.sample(REGIONS, 2)
    elif kind in ("observer", "etcd"):
        a = chance.choice(REGIONS)
    elif kind == "controller":
        a = chance.choice((RECOVERY, WITNESS))
    elif kind == "guard":
        a = chance.choice((HOME, RECOVERY))
    extra = round(chance.uniform(0.1, 2.0), 2) if kind == "slow" else 0.0
    also = None
    if TAKES[kind] and chance.random() < 1 / 3:
        also = (chance.choice(("controller", "observer")), chance.choice((RECOVERY, WITNESS)),
                round(chance.uniform(0.0, 2.0), 2))
    return Fault(number, kind, a, b, extra, round(chance.uniform(0.0, 1.0), 2), round(chance.uniform(5.0, 8.0), 2), also)
