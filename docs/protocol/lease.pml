/* The writer lease, for a model checker; docs/failover-protocol.md is its text.
 *
 * Region A holds the lease, the store is between, Region B's taker wants it. Every message may be
 * late by any time or be lost, guard and taker may stop at any point for any time, and a guard
 * whose renewal got no answer tries again while the old one is still on its way. The clocks of
 * guard, door and taker run slow or fast by the whole drift bound. The door of A shuts by itself
 * and needs up to FENCE ticks for that. B writes from the moment its take succeeds, which is
 * sooner than it really can.
 *
 * Safety: A's door is closed when B's take succeeds.
 *
 * Time. A tick is a step of real time. A clock counts 4 units a tick when slow, 5 when right, 6
 * when fast: a drift of a fifth, so that it shows in few ticks. Only ages are kept, in ticks, and no age grows past the point where it matters.
 * What happens between two ticks happens in any order: that is a clock's step, and MARGIN covers it.
 *
 * What is left out because it adds nothing: a lost read is a read that takes effect later; a
 * lost put is one that stays on its way; a take on its way is a take that is tried later, since it
 * succeeds only while the record is the one that was seen.
 *
 * With HAND_OVER the guard may be asked to give the lease up (docs/failover-protocol.md, "Asking for
 * it"). A request may land at any time, or never, so it may be lost, late or doubled; one of a
 * controller that is gone may be there from the beginning, and one for an earlier epoch may come.
 * The guard that obeys closes its door, has that confirmed, and only then puts `released`; its
 * renewals may still be on their way, and so may what it told the door before. Safety, besides: it
 * obeys only what somebody who lives has asked for, and of its own epoch.
 *
 * Planted mistakes, one at a time; each must be found:
 *   NO_MARGIN       the taker adds no margin
 *   NO_DRIFT        the taker takes its clock for right
 *   FROM_ANSWER     the holder counts from the answer to its renewal
 *   NO_FENCE_WAIT   the door begins to shut when it should be shut
 *   FROM_READ_SENT  the taker counts from the sending of its read
 * and with HAND_OVER:
 *   RELEASE_FIRST   `released` is put before the door is known to be closed
 *   ANSWER_COUNTS   the answer to an earlier renewal still moves the door's time on
 *   OUTRUN          what was on its way to the door may arrive after the closing
 *   OBEYS_STALE     a request that was there before is obeyed
 *   OTHER_EPOCH     a request for another epoch is obeyed
 */

#define TTL 6   /* ticks */
#define FENCE 1 /* tick */
#ifndef RENEWALS
#define RENEWALS 2 /* that A sends, each with a slot of its own on the way */
#endif

#ifdef NO_MARGIN
#define MARGIN 0
#else
#define MARGIN 5 /* units: one tick */
#endif
#ifdef NO_FENCE_WAIT
#define FENCE_AFTER (TTL * 4) /* units on the holder's side */
#else
#define FENCE_AFTER (TTL * 4 - FENCE * 5)
#endif
#ifdef NO_DRIFT
#define TAKER_WAIT (TTL * 5 + MARGIN) /* units on the taker's clock */
#else
#define TAKER_WAIT (TTL * 6 + MARGIN)
#endif

#define OLD ((FENCE_AFTER + 3) / 4) /* ticks: too old to be counted, also on a slow clock */
#define LONG ((TAKER_WAIT + 3) / 4) /* ticks: long enough, also on a slow clock */

mtype = { OPEN, CLOSING, CLOSED };

byte rate_guard, rate_door, rate_taker;

/* The store: one record. */
byte rev = 0;      /* revision */
byte rev_age = 0;  /* since the put that is the record was sent */

/* The guard of A. */
byte known = 0;         /* revision it believes in */
bool must_read = false; /* a put without an answer: read before anything else */
byte waits_for = RENEWALS; /* the slot whose answer it waits for; RENEWALS: none */
byte sent = 0;

/* Its puts on their way: an unanswered one may still land. */
bool put_on[RENEWALS];
bool put_done[RENEWALS]; /* applied; the answer is on its way */
byte put_rev[RENEWALS];  /* expected revision */
byte put_age[RENEWALS];  /* since it was sent */

/* Its read, after it took effect: the answer is on its way. */
bool read_on = false;
byte read_rev = 0, read_age = 0;

/* The door of A, in units of its own clock until it begins to shut, and the newest message that
 * moves that on. The message carries a time on the door's clock, so it shrinks on its way. */
mtype door = OPEN;
short door_left = FENCE_AFTER;
byte shut_left = 0;
short extend_left = 0; /* 0: none on its way */

/* The taker of B. Its look, after it took effect, and what it saw. */
bool look_on = false;
byte look_rev = 0;
#ifdef FROM_READ_SENT
bool look_sent = false;
byte look_age = 0;
#endif
bool seen = false;
byte seen_rev = 0, seen_age = 0;

inline count_from(age) {
    /* The guard knows that the lease it sent for `age` ticks ago holds. */
#ifdef FROM_ANSWER
    extend_left = FENCE_AFTER;
#else
    extend_left = (FENCE_AFTER > age * rate_guard -> FENCE_AFTER - age * rate_guard : 0);
#endif
}

inline older(age, most) { age = (age < most -> age + 1 : age) }

inline tick() {
    older(rev_age, OLD);
    i = 0;
    do
    :: i < RENEWALS -> if :: put_on[i] -> older(put_age[i], OLD) :: else fi; i++
    :: else -> break
    od;
    i = 0;
    if :: read_on -> older(read_age, OLD) :: else fi;
#ifdef FROM_READ_SENT
    if :: look_sent -> older(look_age, LONG) :: else fi;
#endif
    if :: seen -> older(seen_age, LONG) :: else fi;
    if :: door == OPEN -> door_left = door_left - rate_door
       :: door == CLOSING -> shut_left--
       :: else
    fi;
    extend_left = (extend_left > rate_door -> extend_left - rate_door : 0)
}

inline forget_put(n) {
    put_on[n] = false; put_done[n] = false; put_rev[n] = 0; put_age[n] = 0
}

inline send_put() {
    put_on[sent] = true; put_rev[sent] = known; put_age[sent] = 0; waits_for = sent; sent++
}

/* The store carries it out, whether anybody still waits for it or not. */
inline apply_put(n) {
    if
    :: rev == put_rev[n] -> rev++; rev_age = put_age[n]; put_done[n] = true
    :: else -> if :: waits_for == n -> waits_for = RENEWALS; must_read = true :: else fi
    fi;
    if :: !(put_done[n] && waits_for == n) -> forget_put(n) :: else fi
}

inline answer_put(n) {
    known = put_rev[n] + 1; count_from(put_age[n]); waits_for = RENEWALS; forget_put(n)
}

/* No answer, for too long. */
inline give_up() {
    if :: put_done[waits_for] -> forget_put(waits_for) :: else fi;
    waits_for = RENEWALS; must_read = true
}

inline see() {
    if
    :: !seen || seen_rev != look_rev ->
        seen = true; seen_rev = look_rev;
#ifdef FROM_READ_SENT
        seen_age = look_age
#else
        seen_age = 0
#endif
    :: else
    fi;
#ifdef FROM_READ_SENT
    look_sent = false; look_age = 0;
#endif
    look_on = false; look_rev = 0
}

#ifdef HAND_OVER
#ifndef ASKS
#define ASKS 1 /* that somebody who lives puts */
#endif

/* The request in the store, and what the guard saw of it. */
byte req_rev = 0;       /* grows with every put of it */
byte asked = 0;         /* puts by who lives */
bool req_same = false;  /* is for this epoch */
bool req_known = false; /* the guard has looked before */
byte req_seen = 0;

/* The guard that obeys, and its last put. */
mtype = { HOLDING, FENCING, FENCED };
mtype phase = HOLDING;
bool fence_on = false; /* on its way to the door */
bool release_on = false;
byte release_rev = 0;

bool released = false;  /* the record */
bool look_released = false, seen_released = false;

#ifdef OTHER_EPOCH
#define IS_MEANT true
#else
#define IS_MEANT req_same
#endif
#ifdef OBEYS_STALE
#define IS_NEW (req_rev > 0 && (!req_known || req_seen != req_rev))
#else
#define IS_NEW (req_known && req_seen != req_rev)
#endif

inline look_for_request() {
    if
    :: IS_NEW && IS_MEANT -> obey(); asked = 0; req_rev = 0; req_seen = 0; req_known = false; req_same = false
    :: else -> req_known = true; req_seen = req_rev
    fi
}

inline obey() {
    assert(asked > 0 && req_same); /* else nobody who lives wanted it */
    phase = FENCING; fence_on = true; must_read = true;
    read_on = false; read_rev = 0; read_age = 0;
#ifndef ANSWER_COUNTS
    waits_for = RENEWALS; i = 0;
    do
    :: i < RENEWALS -> if :: put_done[i] -> forget_put(i) :: else fi; i++
    :: else -> break
    od;
    i = 0;
#endif
#ifndef OUTRUN
    extend_left = 0;
#endif
    skip
}

inline apply_release() {
    if
    :: rev == release_rev -> rev++; rev_age = 0; released = true
    :: else -> must_read = true
    fi;
    release_on = false; release_rev = 0
}
#define HOLDS (phase == HOLDING)
#define NOTE_RELEASED look_released = released
#define SEE_RELEASED seen_released = look_released; look_released = false
#else
#define HOLDS true
#define NOTE_RELEASED skip
#define SEE_RELEASED skip
#endif

proctype world() {
    byte i = 0;
    do
    /* Time goes on unless the door has to act first. */
    :: d_step { !(door == OPEN && door_left <= 0) && !(door == CLOSING && shut_left == 0) -> tick() }

    /* The door. */
    :: d_step { door == OPEN && door_left <= 0 -> door = CLOSING; shut_left = FENCE; door_left = 0 }
    :: d_step { door == CLOSING -> door = CLOSED; shut_left = 0 }
    :: d_step { extend_left > 0 ->
            door = OPEN; shut_left = 0;
            door_left = (extend_left > door_left -> extend_left : door_left); extend_left = 0 }

    /* The guard. Doing nothing for long is a pause. */
    :: d_step { HOLDS && waits_for == RENEWALS && !must_read && sent < RENEWALS -> send_put() }
    :: d_step { waits_for < RENEWALS -> give_up() }
    :: d_step { must_read && !read_on -> read_on = true; read_rev = rev; read_age = rev_age }
    :: d_step { HOLDS && must_read && read_on ->
            known = read_rev; must_read = false; count_from(read_age);
            read_on = false; read_rev = 0; read_age = 0 }
    :: d_step { put_on[0] && !put_done[0] -> apply_put(0) }
    :: d_step { put_on[0] && put_done[0] -> answer_put(0) }
#if RENEWALS > 1
    :: d_step { put_on[1] && !put_done[1] -> apply_put(1) }
    :: d_step { put_on[1] && put_done[1] -> answer_put(1) }
#endif
#if RENEWALS > 2
    :: d_step { put_on[2] && !put_done[2] -> apply_put(2) }
    :: d_step { put_on[2] && put_done[2] -> answer_put(2) }
#endif

#ifdef HAND_OVER
    /* Requests. */
    :: d_step { HOLDS && asked < ASKS -> asked++; req_rev++; req_same = true }
    :: d_step { HOLDS && asked == 0 && req_rev < 2 -> req_rev++; req_same = false }
    :: d_step { HOLDS && !(req_known && req_seen == req_rev) -> look_for_request() }
    /* Obeying. */
    :: d_step { fence_on && door == OPEN -> door = CLOSING; shut_left = FENCE; door_left = 0 }
    :: d_step { fence_on && door == CLOSED -> fence_on = false; phase = FENCED }
    :: d_step { !HOLDS && must_read && read_on ->
            known = read_rev; must_read = false; read_on = false; read_rev = 0; read_age = 0 }
#ifdef RELEASE_FIRST
    :: d_step { !HOLDS && !must_read && !release_on && !released ->
#else
    :: d_step { phase == FENCED && !must_read && !release_on && !released ->
#endif
            release_on = true; release_rev = known }
    :: d_step { release_on -> apply_release() }
    :: atomic { seen && seen_rev == rev && seen_released -> assert(door == CLOSED); break }
#endif

    /* The taker. */
#ifdef FROM_READ_SENT
    :: d_step { !look_sent -> look_sent = true }
    :: d_step { look_sent && !look_on -> look_on = true; look_rev = rev; NOTE_RELEASED }
#else
    :: d_step { !look_on && !(seen && seen_rev == rev) -> look_on = true; look_rev = rev; NOTE_RELEASED }
#endif
    :: d_step { look_on -> see(); SEE_RELEASED }
    :: atomic { seen && seen_rev == rev && seen_age * rate_taker >= TAKER_WAIT ->
            assert(door == CLOSED); /* else two Regions write from here on */
            break }
    od
}

init {
    atomic {
        if :: rate_guard = 4 :: rate_guard = 6 fi;
        if :: rate_door = 4 :: rate_door = 6 fi;
        if :: rate_taker = 4 :: rate_taker = 6 fi;
#ifdef HAND_OVER
        /* Left by a controller that is gone, or none. */
        if :: req_rev = 1; req_same = true :: skip fi;
#endif
        run world()
    }
}
