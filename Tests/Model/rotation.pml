/*
 * The rotation of one algorithm's keys: a stored ring that is replaced by compare-and-swap, replicas with snapshots of
 * it, a cron, verifiers that cache, clocks that differ and jump. README.md says what is left out and why.
 *
 * Time is a global tick; every duration is counted as "for how many ticks", up to the number that still matters, so
 * that time itself has no end. The number of keys ever made is the one bound.
 */

#ifndef REPLICAS
#define REPLICAS 2
#endif
#ifndef KEYS
#define KEYS 4
#endif

/* The schedule, in ticks, with its inequalities met exactly: one tick less must break something. */
#define REFRESH  1
#define MAX_AGE  2
#ifndef SKEW
#define SKEW     1
#endif
#define LIFETIME 2
#ifdef BREAK_LEAD
#define LEAD  (REFRESH + MAX_AGE + SKEW - 1)
#else
#define LEAD  (REFRESH + MAX_AGE + SKEW)
#endif
#ifdef BREAK_GRACE
#define GRACE (REFRESH + LIFETIME + SKEW - 1)
#else
#define GRACE (REFRESH + LIFETIME + SKEW)
#endif
/* So long after it was first served, every fresh copy has a key. */
#define WELL_SERVED (1 + REFRESH + MAX_AGE)
#define JUMP  (LEAD + GRACE)

#define ABSENT   0
#define PREPARED 1
#define ACTIVE   2
#define RETIRING 3
#define RETIRED  4
#define REVOKED  5

#define NOTHING  0
#define BEGIN    1
#define PREPARE  2
#define PUBLISH  3
#define ACTIVATE 4
#define RETIRE   5
#define REVOKE   6

#define NONE KEYS
#define CRON REPLICAS
#define NOBODY (REPLICAS + 1)

typedef Key {
    byte state;
    bit hasPrivateHalf;
    bit isPublished;      /* published_at is set ... */
    short publishedFor;   /* ... and lies so many ticks back, by the clock that wrote it */
    short retiringFor;    /* likewise retiring_at */
    byte tokenLeft;       /* ticks until the last token it signed expires; the store keeps it with the fence */
    byte servedFor;       /* 0: no replica ever served it; n: really first served n - 1 ticks ago */
    byte missedFor;       /* for so long yet, some verifier may hold a fresh copy of the JWK Set without it */
    bit isExcepted        /* may sign before its lead is over: the first key, or after a revocation */
}

typedef Replica {
    byte published;       /* its snapshot: the kids it serves, as bits ... */
    byte signer;          /* ... the key it signs with ... */
    byte age              /* ... and how old that is */
}

/* The store. */
Key ring[KEYS];
byte version;
byte made;                /* keys are made in order; the next one's number */

Replica replica[REPLICAS];

/* One turn that stopped between its plan and its replacement. A second would have no effect of its own: of two that
   planned on the same version one loses. Turns of all others go on meanwhile. */
byte paused = NOBODY;
byte pausedVerb;
byte pausedKey;
byte pausedVersion;
short pausedFor;          /* how far back its "now" lies, by its own clock */

/* Whose wall clock jumped; it returns. */
byte jumped = NOBODY;

/* In what is asserted only so that it is seen to happen. */
hidden byte WITNESS;

/* Scratch, used within one step only. */
hidden byte k;
hidden byte i;
hidden byte count;
hidden byte verb;
hidden byte key;
hidden byte planVersion;
hidden short nowFor;
hidden short d;
hidden byte standby;
hidden byte former;

#define has(set, kid) ((set >> kid) & 1)
#define isStated(kid) (ring[kid].state == PREPARED || ring[kid].state == ACTIVE || ring[kid].state == RETIRING)
#define room(n) (made + n <= KEYS)
#define isReady(r) (replica[r].age <= REFRESH)
#ifdef BREAK_EVICTION
#define mayBeRead(r) (replica[r].published != 0)
#else
#define mayBeRead(r) isReady(r)
#endif

inline findActive(found) {
    found = NONE;
    for (i : 0 .. KEYS - 1) { if :: ring[i].state == ACTIVE -> found = i :: else fi }
}

inline findStandby(found) {
    found = NONE;
    for (i : 0 .. KEYS - 1) { if :: ring[i].state == PREPARED && found == NONE -> found = i :: else fi }
}

/* ---- what must always hold ---- */

/* (a) one active key; (e) only keys that sign, or will, have a private half. */
inline assertRing() {
    count = 0;
    for (i : 0 .. KEYS - 1) {
        if :: ring[i].state == ACTIVE -> count++ :: else fi;
        assert(ring[i].hasPrivateHalf == (ring[i].state == PREPARED || ring[i].state == ACTIVE))
    }
    assert(count == 1 || (count == 0 && version == 0))
}

/*
 * All verifiers at once, each of which may read any replica at any moment and keep what it got for max-age: whatever
 * some verifier could have read without a key, some verifier has.
 */
inline read(r) {
    for (i : 0 .. KEYS - 1) {
        if
        :: isStated(i) && mayBeRead(r) && !has(replica[r].published, i) ->
            ring[i].missedFor = MAX_AGE;
            assertTokensAreFound(i)
        :: else
        fi
    }
    skip
}

/* (d) every copy that is fresh has the key of every token that lives. */
inline assertTokensAreFound(kid) {
    assert(ring[kid].tokenLeft == 0 || ring[kid].missedFor == 0
        || (ring[kid].isExcepted && ring[kid].servedFor < WELL_SERVED))
}

/* ---- a turn: plan, replace ---- */

/* A wall clock, as distance from true time: clocks that nobody moved differ by no more than SKEW. */
inline readClock(p) {
    if
    :: d = 0
    :: d = SKEW
#ifdef BREAK_CLOCK
    :: jumped == p -> d = JUMP
    :: jumped == p -> d = 0 - JUMP
#endif
    fi
}

#define isRetiring(kid) (ring[kid].state == RETIRING)
#if KEYS == 3
#define anyRetires (isRetiring(0) || isRetiring(1) || isRetiring(2))
#define keysThat(are) :: are(0) -> k = 0 :: are(1) -> k = 1 :: are(2) -> k = 2
#else
#define anyRetires (isRetiring(0) || isRetiring(1) || isRetiring(2) || isRetiring(3))
#define keysThat(are) :: are(0) -> k = 0 :: are(1) -> k = 1 :: are(2) -> k = 2 :: are(3) -> k = 3
#endif

#ifdef BREAK_CLOCK
#define trustsItsClock(p) true
#else
#define trustsItsClock(p) (jumped != p)
#endif
#ifdef BREAK_PUBLISHED
#define isLeadOver(kid) (!ring[kid].isPublished || ring[kid].publishedFor + d >= LEAD)
#else
#define isLeadOver(kid) (ring[kid].isPublished && ring[kid].publishedFor + d >= LEAD)
#endif
#if defined(BREAK_GRACE) || defined(BREAK_EVIDENCE)
#define areTokensDead(kid) true
#else
#define areTokensDead(kid) (ring[kid].tokenLeft + SKEW <= d)
#endif

/* What is due for signing; also `rotate --now`, which waits for the lead and for no interval. */
inline planSigning(served) {
    findStandby(standby);
    verb = NOTHING; key = standby; planVersion = version; nowFor = 0;
    if
    :: version == 0 -> verb = BEGIN
    :: version > 0 && standby == NONE -> if :: room(1) -> verb = PREPARE :: else fi
    :: version > 0 && standby != NONE ->
        if
        :: isLeadOver(standby) -> verb = ACTIVATE; nowFor = 0 - d
        :: else -> if :: !ring[standby].isPublished && has(served, standby) -> verb = PUBLISH; nowFor = 0 - d :: else fi
        fi
    fi
}

/* What is due for withdrawal. */
inline planRetirement() {
    verb = NOTHING; key = k; planVersion = version; nowFor = 0;
    if :: ring[k].state == RETIRING && ring[k].retiringFor + d >= GRACE && areTokensDead(k) -> verb = RETIRE :: else fi
}

/* What an operator may ask for at any time, of any key. */
inline planRevocation() {
    findStandby(standby);
    verb = NOTHING; key = k; planVersion = version; nowFor = 0;
    if :: isStated(k) && (ring[k].state != ACTIVE || standby != NONE || room(1)) -> verb = REVOKE :: else fi
}

inline makeKey() {
    ring[made].state = PREPARED;
    ring[made].missedFor = MAX_AGE;
    ring[made].hasPrivateHalf = 1;
    made++
}

inline startSigning(kid) {
    ring[kid].state = ACTIVE;
    ring[kid].isPublished = 0; ring[kid].publishedFor = 0
}

/* The next standby goes with the change that uses up the last one. */
inline makeStandby() {
    findStandby(standby);
    if :: standby == NONE && room(1) -> makeKey() :: else fi
}

inline beginSigning() {
    ring[made].isExcepted = 1;
    makeKey();
    startSigning(made - 1);
    makeStandby()
}

inline activate() {
    findActive(former);
    startSigning(key);
    if
    :: former != NONE ->
        ring[former].state = RETIRING; ring[former].retiringFor = nowFor;
#ifndef BREAK_ERASURE
        ring[former].hasPrivateHalf = 0
#endif
    :: else
    fi;
    makeStandby()
}

inline retire() {
    /* (c) no key is withdrawn while a token that it signed lives. */
    assert(ring[key].tokenLeft == 0);
    ring[key].state = RETIRED;
    ring[key].retiringFor = 0; ring[key].servedFor = 0; ring[key].isExcepted = 0; ring[key].missedFor = 0
}

inline revoke() {
    former = ring[key].state;
    ring[key].state = REVOKED; ring[key].hasPrivateHalf = 0;
    ring[key].retiringFor = 0; ring[key].isPublished = 0; ring[key].publishedFor = 0;
    ring[key].servedFor = 0; ring[key].isExcepted = 0; ring[key].tokenLeft = 0; ring[key].missedFor = 0;
    if
    :: former == ACTIVE ->
        findStandby(standby);
        if :: standby == NONE -> standby = made; makeKey() :: else fi;
        ring[standby].isExcepted = 1;
        startSigning(standby)
    :: else
    fi;
    makeStandby()
}

#ifdef BREAK_CAS
#define mayReplace true
#else
#define mayReplace (version == planVersion)
#endif

/* Who loses has changed nothing and will plan again. */
inline replace() {
    if
    :: mayReplace ->
        /* (f) versions rise by one. */
#ifndef WITHOUT_VERSIONS
        assert(planVersion == version);
#endif
        version = planVersion + 1;
#ifndef BREAK_CAS
        /* A paused turn can only lose now, whatever it planned: one state for all of them. */
        pausedVerb = NOTHING; pausedKey = NONE; pausedVersion = 0; pausedFor = 0;
#endif
        if
        :: verb == BEGIN -> beginSigning()
        :: verb == PREPARE -> makeKey()
        :: verb == PUBLISH -> ring[key].isPublished = 1; ring[key].publishedFor = nowFor
        :: verb == ACTIVATE -> activate()
        :: verb == RETIRE -> retire()
        :: verb == REVOKE -> revoke()
        fi;
        assertRing();
#ifdef WITNESS_WITHDRAWAL
        assert(WITNESS || ring[0].state != RETIRED || ring[1].state != RETIRED);
#endif
    :: else ->
#ifdef WITNESS_CONFLICT
        assert(WITNESS)
#else
        skip
#endif
    fi
}

inline finishTurn(p) {
    if
    :: verb == NOTHING
    :: verb != NOTHING -> d_step { replace() }
#ifndef PROMPT
    :: verb != NOTHING && paused == NOBODY -> d_step {
        paused = p; pausedVerb = verb; pausedKey = key; pausedVersion = planVersion; pausedFor = nowFor }
#endif
    fi
}

inline forgetPausedTurn() {
    paused = NOBODY; pausedVerb = NOTHING; pausedKey = NONE; pausedVersion = 0; pausedFor = 0
}

inline resumeTurn() {
    verb = pausedVerb; key = pausedKey; planVersion = pausedVersion; nowFor = pausedFor;
    forgetPausedTurn();
    replace()
}

#define mayTurn(p) (trustsItsClock(p) && paused != p)

/* ---- a replica ---- */

/* The ring is read; what it publishes is served from now on. */
inline refresh(r) {
    replica[r].published = 0;
    for (i : 0 .. KEYS - 1) {
        if
        :: isStated(i) ->
            replica[r].published = replica[r].published | (1 << i);
            if :: ring[i].servedFor == 0 -> ring[i].servedFor = 1 :: else fi
        :: else
        fi
    }
    findActive(key);
    replica[r].signer = key;
    replica[r].age = 0;
    read(r)
}

inline die(r) {
    replica[r].published = 0; replica[r].signer = NONE; replica[r].age = REFRESH + 1;
    if :: paused == r -> forgetPausedTurn() :: else fi
}

#ifdef BREAK_FENCE
#define mayRelease(kid) true
#else
#define mayRelease(kid) (ring[kid].state == ACTIVE)
#endif

/* The record of a token commits with the check of its key; then the token leaves. */
inline sign(r) {
    key = replica[r].signer;
    if
    :: mayRelease(key) ->
        /* Revoked or withdrawn, a key gives no token. */
        assert(ring[key].state == ACTIVE || ring[key].state == RETIRING);
        /* (b) nobody signs with a key that was not published for its lead. */
        assert(ring[key].isExcepted || ring[key].servedFor >= 1 + LEAD - SKEW);
        if :: LIFETIME + d > ring[key].tokenLeft -> ring[key].tokenLeft = LIFETIME + d :: else fi;
        assertTokensAreFound(key);
#ifdef WITNESS_ROTATION
        assert(WITNESS || key < 2 || ring[key].isExcepted);
#endif
    :: else
    fi
}

proctype Issuer(byte me) {
    do
    :: d_step { version > 0 -> refresh(me) }
    :: d_step { isReady(me) || paused == me -> die(me) }
    :: atomic { isReady(me) && replica[me].signer != NONE && trustsItsClock(me) -> readClock(me); d_step { sign(me) } }
    :: atomic { mayTurn(me) -> readClock(me); d_step { planSigning(replica[me].published) }; finishTurn(me) }
    :: atomic { mayTurn(me) && anyRetires ->
        readClock(me); if keysThat(isRetiring) fi; d_step { planRetirement() }; finishTurn(me) }
    :: d_step { paused == me -> resumeTurn() }
    od
}

proctype Rotate() {
    do
    :: atomic { mayTurn(CRON) -> readClock(CRON); d_step { planSigning(0) }; finishTurn(CRON) }
    :: atomic { mayTurn(CRON) && anyRetires ->
        readClock(CRON); if keysThat(isRetiring) fi; d_step { planRetirement() }; finishTurn(CRON) }
    :: atomic { mayTurn(CRON) && version > 0 ->
        if keysThat(isStated) fi; d_step { planRevocation() }; finishTurn(CRON) }
    :: d_step { paused == CRON -> resumeTurn() }
    :: d_step { paused == CRON -> forgetPausedTurn() }
    od
}

/* ---- time ---- */

inline advance(duration, end) { if :: duration < end -> duration++ :: else fi }

inline tick() {
    for (i : 0 .. KEYS - 1) {
        if :: ring[i].isPublished -> advance(ring[i].publishedFor, LEAD) :: else fi;
        if :: ring[i].state == RETIRING -> advance(ring[i].retiringFor, GRACE) :: else fi;
        if :: ring[i].servedFor > 0 -> advance(ring[i].servedFor, WELL_SERVED) :: else fi;
        if :: ring[i].servedFor == WELL_SERVED -> ring[i].isExcepted = 0 :: else fi;
        if :: ring[i].tokenLeft > 0 -> ring[i].tokenLeft-- :: else fi;
        if :: ring[i].missedFor > 0 -> ring[i].missedFor-- :: else fi
    }
    for (k : 0 .. REPLICAS - 1) {
        advance(replica[k].age, REFRESH + 1);
#ifndef BREAK_EVICTION
        /* It goes on publishing, but nobody reads it: the load balancer asks for readiness. */
        if :: replica[k].age > REFRESH -> replica[k].published = 0; replica[k].signer = NONE :: else fi;
#endif
        read(k)
    }
    if
    :: pausedVerb == PUBLISH -> advance(pausedFor, LEAD)
    :: pausedVerb == ACTIVATE -> advance(pausedFor, GRACE)
    :: else
    fi
}

proctype Time() {
    do
    :: d_step { tick() }
#ifndef WITHOUT_JUMPS
    :: d_step { jumped == NOBODY -> jumped = 0 }
    :: d_step { jumped != NOBODY -> jumped = NOBODY }
#endif
    od
}

init {
    atomic {
        pausedKey = NONE;
        for (i : 0 .. REPLICAS - 1) { replica[i].signer = NONE; replica[i].age = REFRESH + 1; run Issuer(i) }
        run Rotate();
        run Time()
    }
}
