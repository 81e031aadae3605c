"""What a history of acknowledged writes says: values in, sentences about what is wrong out.

Times are seconds on one monotonic clock, `wall` the same instant as `acked` on the clock that journals use.
"""

from collections import namedtuple

Write = namedtuple("Write", "id region epoch sent acked wall via")
Bound = namedtuple("Bound", "at seconds")  # as journalled: what is older than `seconds` at `at` (wall) is not lost


def turns(writes):
    """The Regions that acknowledged, in order, each as often as it began to."""
    found = []
    for write in sorted(writes, key=lambda each: each.acked):
        if found[-1:] != [write.region]:
            found.append(write.region)
    return found


def two_writers(writes):
    """Every sign that two Regions wrote at once, or with one epoch."""
    problems = ["%s of %s carries no epoch" % (write.id, write.region) for write in writes if write.epoch is None]
    known = [write for write in writes if write.epoch is not None]
    holders = {}
    for write in known:
        holders.setdefault(write.epoch, set()).add(write.region)
    problems += ["epoch %d wrote in %s" % (epoch, " and ".join(sorted(regions)))
                 for epoch, regions in sorted(holders.items()) if len(regions) > 1]
    spans = {}  # Region and epoch: the first and the last of its writes
    for write in known:
        first, last = spans.get((write.region, write.epoch), (write, write))
        spans[write.region, write.epoch] = (min(first, write, key=lambda each: each.acked),
                                            max(last, write, key=lambda each: each.acked))
    for (region, epoch), (_, last) in sorted(spans.items()):
        for (other, later), (first, _) in sorted(spans.items()):
            if region != other and epoch < later and last.acked >= first.acked:
                problems.append("%s of %s (epoch %d) was acknowledged %.3f s after %s of %s (epoch %d)" % (
                    last.id, region, epoch, last.acked - first.acked, first.id, other, later))
    return problems


def wrong_order(writes, left, to):
    """The Region that was left acknowledged its last write before the other its first, and both did write."""
    before = [write for write in writes if write.region == left]
    after = [write for write in writes if write.region == to]
    if not before or not after:
        return ["nobody wrote in %s" % (to if before else left)]
    last, first = max(before, key=lambda each: each.acked), min(after, key=lambda each: each.acked)
    if last.acked < first.acked:
        return []
    return ["%s of %s was acknowledged %.3f s after %s of %s" % (last.id, left, last.acked - first.acked, first.id, to)]


def lost(writes, left, found):
    """What `left` acknowledged and those ids have not, the oldest first."""
    return sorted((write for write in writes if write.region == left and write.id not in found),
                  key=lambda each: each.acked)


def over_bound(missing, bound):
    """Lost writes that were older than the journalled bound allows."""
    if not missing:
        return []
    if bound is None:
        return ["%d writes were lost and no bound was stated" % len(missing)]
    oldest = min(missing, key=lambda each: each.wall)
    age = bound.at - oldest.wall
    if age <= bound.seconds:
        return []
    return ["%s was lost and was %.3f s old when the bound was %.3f s" % (oldest.id, age, bound.seconds)]


def unlisted(missing, listed):
    """Lost writes that are not among the late writes."""
    return ["%s was lost and is no late write" % write.id for write in missing if write.id not in listed]
