using System.Buffers.Binary;
using System.Net;
using Platform.Contracts.Grpc.Telemetry.V1;
using Platform.Detection.Anomalies;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Windows;

/// <summary>
/// What is kept in memory of one target: a host, a block of hosts, or an object. Its last seconds, and only while something is up, more. A few
/// hundred bytes, because there are a million hosts.
/// </summary>
/// <param name="target">The target's address.</param>
/// <param name="level">What it is.</param>
/// <param name="block">The block that a host is part of at first.</param>
internal sealed class TargetWatch(NetworkKey target, WatchLevel level, TargetWatch? block = null)
{
    private const float Memory = 300; // seconds over which what was before fades
    private const float LongestGap = 30; // seconds that had nothing; of more of them it may be that nobody saw them
    private const double KnownAfter = 60; // seconds
    private const int Many = 256; // hosts of a block: no more are looked at one by one
    private const double SampledPacket = 1_400 * 8; // bits
    private static readonly Senders Nobody = new();
    private static readonly List<TargetWatch> None = []; // there are a million hosts
    private Slot[] _slots = [];
    private Sketches? _sketches; // null where none came
    private Uploads? _uploads; // null where it sends none
    private Busiest? _busiest; // null where all hosts can be looked at
    private float _recentBits;
    private float _recentPackets;
    private long _newest = long.MinValue;
    private long _closed = long.MinValue;
    private long _first = long.MaxValue;
    private long _excusedAt;
    private float _excused;

    public NetworkKey Target => target;

    public WatchLevel Level => level;

    public TargetWatch? Block { get; private set; } = block;

    /// <summary>Hosts of this block.</summary>
    public List<TargetWatch> Hosts { get; } = level is WatchLevel.Prefix ? [] : None;

    /// <summary>There are more hosts of this block than can be looked at in the middle of an attack.</summary>
    public bool HasMany => Hosts.Count > Many;

    /// <summary>Hosts of this block as far as they are looked at: all of them, or the busiest.</summary>
    public IEnumerable<TargetWatch> Looked => !HasMany ? Hosts : _busiest?.Hosts ?? [];

    /// <summary>A host of this block had so much in a second.</summary>
    public void Had(TargetWatch host, long second, Amount amount)
    {
        if (HasMany)
        {
            (_busiest ??= new Busiest()).Note(host, second, amount);
        }
    }

    /// <summary>Only these are hosts of this block any more.</summary>
    public void Keep(Func<TargetWatch, bool> isKnown)
    {
        Hosts.RemoveAll(host => !isKnown(host));
        _busiest?.Keep(isKnown);
    }

    /// <summary>Its hosts are others from now on.</summary>
    public void Empty()
    {
        Hosts.Clear();
        (_busiest, Rotation, CoveredHosts) = (null, null, 0);
    }

    public DateTimeOffset LastArrival { get; set; }

    /// <summary>What is remembered while an anomaly is open or was lately; null most of the time.</summary>
    public Episode? Episode { get; set; }

    /// <summary>What is beyond the learned rates and not yet an anomaly; null most of the time.</summary>
    public Surge? Surge { get; private set; }

    /// <summary>Its traffic belongs to an anomaly of its own, so it is no part of what is judged together.</summary>
    public bool IsCovered => Episode is { IsCovering: true };

    /// <summary>Hosts of this block that are over one after the other; null most of the time.</summary>
    public Rotation? Rotation { get; set; }

    /// <summary>Hosts of this block that are covered.</summary>
    public int CoveredHosts { get; set; }

    /// <summary>What its traffic is made of, as far as sketches came.</summary>
    public Evidence Evidence => _sketches?.Evidence(_newest) ?? Evidence.None;

    /// <summary>Who sends what is beyond the learned rates.</summary>
    public Senders Senders => (Surge is null ? _sketches?.Now(_newest) : _sketches?.Surge(_newest)) ?? Nobody;

    /// <summary>The surge is remembered half as much: so is who sent it.</summary>
    public void FadeSenders() => _sketches?.Fade();

    /// <summary>Long TCP packets that it sends beyond the usual ones, in so many seconds of a surge.</summary>
    public double Uploaded(int seconds) => _uploads?.Packets(seconds) ?? 0;

    /// <summary>It sent so many long TCP packets.</summary>
    public void Send(long second, double packets) => (_uploads ??= new Uploads()).Add(second, packets, Surge is not null);

    /// <param name="sketch">What some of its traffic is made of.</param>
    /// <param name="batch">With which windows it came.</param>
    public void Note(TrafficSketch sketch, long batch = 0) => (_sketches ??= new Sketches()).Add(sketch, batch, _newest, Surge is not null);

    /// <summary>What of some of a batch's traffic came from ports of services, as its sketches tell; null where there are none.</summary>
    public Served? ServedOf(Amount amount, long batch) => _sketches?.ServedOf(amount, batch);

    /// <summary>What few servers send beyond the usual, as far as a transfer may go: those of the last seconds, or of the whole surge when few packets were sampled.</summary>
    public Transfers Transfers(LearnedLevel learned)
    {
        var (now, surge) = (_sketches?.Now(_newest) ?? Nobody, Senders);
        // Who sent until a moment ago sent what comes late, too.
        var part = now.Sketched >= Senders.EnoughPackets * learned.Grain ? Math.Max(now.PartOfFew(learned.Grain), surge.PartOfFew(learned.Grain)) : surge.PartOfFew(learned.Grain);
        var (most, seconds) = (TrafficShape.Most(this, learned), 1 + (Surge?.Age ?? 0));
        var luck = 3 * Math.Sqrt(most * learned.Grain * SampledPacket);
        var transfers = new Transfers(part, learned.OfOne, most, luck, (most * seconds) + (luck * Math.Sqrt(seconds)) - (Surge?.Transferred ?? 0));
        // What few servers send beyond all bounds is no transfer, nor as much of it as one may have.
        return Surge?.Exceeds(transfers) == true ? transfers with { PartOfFew = 0 } : transfers;
    }

    /// <summary>Adds an increment to its second and gives back the whole second; an increment that is too late only itself.</summary>
    /// <param name="settleSeconds">How far behind the newest second nearly everything has come: what a second had beyond the usual is known only then.</param>
    public SecondTraffic Add(long second, in SecondTraffic increment, int latenessSeconds, int settleSeconds, LevelRules rules, out bool isLate)
    {
        isLate = false;
        var learned = rules.Learned;
        for (var i = 0; i < _slots.Length; i++)
        {
            if (_slots[i].Second == second)
            {
                _slots[i].Traffic.Add(increment);
                AddLate(second, increment, learned);
                return _slots[i].Traffic;
            }
        }

        if (_newest != long.MinValue && second < _newest - latenessSeconds)
        {
            isLate = true;
            return increment;
        }

        if (second > _newest)
        {
            Close(second, second - settleSeconds, learned);
            _newest = second;
        }

        _first = Math.Min(_first, second);

        AddLate(second, increment, learned);
        return Slot(second, latenessSeconds, rules).Add(increment);
    }

    private void AddLate(long second, in SecondTraffic increment, LearnedLevel learned)
    {
        if (second <= _closed)
        {
            Surge?.AddLate(increment, learned, this);
        }
    }

    /// <summary>Takes away what turned out to belong to an anomaly of its own.</summary>
    public void Remove(TargetWatch covered)
    {
        foreach (ref var theirs in covered._slots.AsSpan())
        {
            var at = Array.FindIndex(_slots, Holds(theirs.Second));
            if (at >= 0)
            {
                _slots[at].Traffic.Subtract(theirs.Traffic);
            }
        }

        Surge = null;
    }

    /// <summary>A second as far as it is known; nothing when it is not kept.</summary>
    public SecondTraffic At(long second)
    {
        foreach (ref var slot in _slots.AsSpan())
        {
            if (slot.Second == second)
            {
                return slot.Traffic;
            }
        }

        return default;
    }

    /// <summary>Of the last seconds together the whole, and what of it is of a vector.</summary>
    public (Amount Total, Amount Of) Lately(long since, TrafficVector vector)
    {
        var (total, of) = (default(Amount), default(Amount));
        foreach (ref var slot in _slots.AsSpan())
        {
            if (slot.Second >= since)
            {
                (total, of) = (total + slot.Traffic.Total, of + slot.Traffic[vector]);
            }
        }

        return (total, of);
    }

    /// <summary>Packets of the last seconds together.</summary>
    public long PacketsSince(long second)
    {
        var sum = default(Amount);
        foreach (ref var slot in _slots.AsSpan())
        {
            sum += slot.Second >= second ? slot.Traffic.Total : default;
        }

        return sum.Packets;
    }

    /// <summary>The newest second that it had anything in, since 1970.</summary>
    public long Newest => _newest;

    /// <summary>What it had a second in the last minutes; of flows nothing is known.</summary>
    public double Recent(TrafficUnit unit) => unit is TrafficUnit.Bits ? _recentBits : unit is TrafficUnit.Packets ? _recentPackets : 0;

    /// <summary>The same of what is known from before it: who was seen for the first time a moment ago had nothing.</summary>
    public double Before(TrafficUnit unit) => Recent(unit) * Math.Min(1, (_newest - _first) / KnownAfter);

    /// <summary>More than twice what was usual in the last minutes.</summary>
    public bool IsAbrupt(Amount now) => now.Packets > 2 * _recentPackets || now.Bits > 2 * _recentBits;

    public void ForgetSurge() => Surge = null;

    /// <summary>The host is part of this block from now on.</summary>
    public void Regroup(TargetWatch into)
    {
        if (Episode is { Hold: { } hold } episode && hold.Wide == Block)
        {
            episode.Hold = new Hold(into, hold.Vector, hold.Unit, hold.Rate, hold.Burst);
        }

        Block = into;
        into.Hosts.Add(this);
        into.CoveredHosts += IsCovered ? 1 : 0;
    }

    /// <summary>Seconds that were excused as a large transfer's in the last minutes: ten without take one away, so that pauses do not make a new one of it.</summary>
    public double Excused => _excused == 0 ? 0 : Math.Max(0, _excused - ((_newest - _excusedAt) / 10.0));

    /// <summary>Its newest second is a transfer's.</summary>
    /// <param name="isLarge">It has more than one may have that goes on.</param>
    public void Excuse(bool isLarge)
    {
        if (isLarge && _newest > _excusedAt)
        {
            (_excused, _excusedAt) = ((float)Excused + 1, _newest);
        }
    }

    /// <summary>Seconds before a bound are over: what they had beyond the learned rates is carried on.</summary>
    private void Close(long next, long bound, LearnedLevel learned)
    {
        while (Oldest(after: _closed) is >= 0 and var at && _slots[at].Second < bound)
        {
            _closed = _slots[at].Second;
            var following = Oldest(after: _closed);
            Close(in _slots[at].Traffic, (following < 0 ? next : _slots[following].Second) - _closed, learned);
        }
    }

    private int Oldest(long after)
    {
        var oldest = -1;
        for (var i = 0; i < _slots.Length; i++)
        {
            if (_slots[i].Second > after && (oldest < 0 || _slots[i].Second < _slots[oldest].Second))
            {
                oldest = i;
            }
        }

        return oldest;
    }

    /// <param name="seconds">Until the next one that has something.</param>
    private void Close(in SecondTraffic closed, long seconds, LearnedLevel learned)
    {
        Surge = Surge.After(Surge, closed, seconds, learned, this);
        _sketches?.Close(_closed, Surge is { IsOver: true });
        // What belongs to a surge is not what was before it.
        var known = (float)(_closed - _first); // seconds before this one: of few it is their mean
        var together = Surge is not null ? 1 : Math.Min(LongestGap, seconds); // those between had nothing: few sampled packets come so
        var share = Surge is not null ? 1 / Memory : Math.Max(together / Memory, together / (known + together));
        _recentBits += ((closed.Total.Bits / together) - _recentBits) * share;
        _recentPackets += ((closed.Total.Packets / together) - _recentPackets) * share;
    }

    private ref Slot Slot(long second, int latenessSeconds, LevelRules rules)
    {
        for (var i = 0; i < _slots.Length; i++)
        {
            // Of a calm host the second before is enough: what still comes for an older one is small, or is over by itself.
            if (_slots[i].Second < _newest - latenessSeconds || (_slots[i].Second < _newest - 1 && rules.IsCalm(_slots[i].Traffic.Total)))
            {
                _slots[i].Second = second;
                _slots[i].Traffic.Clear();
                return ref _slots[i];
            }
        }

        Array.Resize(ref _slots, _slots.Length + 1);
        _slots[^1].Second = second;
        return ref _slots[^1];
    }

    private static Predicate<Slot> Holds(long second) => slot => slot.Second == second;
}

internal struct Slot
{
    public long Second;
    public SecondTraffic Traffic;

    public SecondTraffic Add(in SecondTraffic increment)
    {
        Traffic.Add(increment);
        return Traffic;
    }
}

/// <summary>A host address in 16 bytes (IPv4 as in ::ffff:0:0/96), or the network of a length that it begins.</summary>
internal readonly record struct NetworkKey(UInt128 Value, byte Length = 128)
{
    private const ulong MappedIPv4 = 0xFFFF_0000_0000;
    private const int MappedBits = 96;

    private bool IsIPv4 => Value >> 32 == 0xFFFF;

    /// <summary>From 4 or 16 bytes in network order; null for any other length.</summary>
    public static NetworkKey? Read(ReadOnlySpan<byte> bytes) => bytes.Length switch
    {
        4 => new NetworkKey(MappedIPv4 | BinaryPrimitives.ReadUInt32BigEndian(bytes)),
        16 => new NetworkKey(BinaryPrimitives.ReadUInt128BigEndian(bytes)),
        _ => null,
    };

    public static NetworkKey Of(IPNetwork network)
    {
        Span<byte> bytes = stackalloc byte[16];
        network.BaseAddress.TryWriteBytes(bytes, out var length);
        var start = Read(bytes[..length])!.Value;
        return new NetworkKey(start.Value, (byte)(network.PrefixLength + (length == 4 ? MappedBits : 0)));
    }

    /// <summary>The /24 or /48 that it is part of; what is narrower stays.</summary>
    public NetworkKey Block() => Within(IsIPv4 ? MappedBits + 24 : 48);

    public NetworkKey Within(int length) => length >= Length ? this : new(Value & ~(UInt128.MaxValue >> length), (byte)length);

    public bool Contains(NetworkKey other) => other.Length >= Length && (Length == 0 || (other.Value ^ Value) >> (128 - Length) == 0);

    /// <summary>The narrowest network that holds both.</summary>
    public NetworkKey Covering(NetworkKey other)
    {
        var same = (int)UInt128.LeadingZeroCount(Value ^ other.Value);
        return Within(Math.Min(same, Math.Min(Length, other.Length)));
    }

    public IPNetwork ToNetwork()
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, Value);
        return IsIPv4 && Length >= MappedBits
            ? new IPNetwork(new IPAddress(bytes[12..]), Length - MappedBits)
            : new IPNetwork(new IPAddress(bytes), Length);
    }
}
