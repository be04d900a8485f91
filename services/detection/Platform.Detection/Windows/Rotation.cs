using System.Net;
using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Windows;

/// <summary>
/// What is remembered of a block whose hosts are over one after the other. An attack that goes from host to host never has many of them at once, and is one attack
/// all the same. Bounded, and forgotten a few minutes after the last move.
/// </summary>
internal sealed class Rotation
{
    /// <summary>The attack has gone from so many hosts of the block: the next one is the block's.</summary>
    public const int EnoughHosts = 3;

    private const int Kept = 16; // moves
    private const int Remembered = 300; // seconds: what is further apart are attacks of their own
    private const int LongestPause = 30; // seconds from one host to the next, as between pulses
    private const int LeastStay = 10; // seconds that a host is part of it at least
    private readonly List<Move> _moves = [];

    /// <param name="memory">What another process remembered; null: it begins here.</param>
    public Rotation(RotationMemory? memory = null)
    {
        IsSeen = memory?.IsSeen == true;
        foreach (var (host, since, until, kinds) in memory?.Moves ?? [])
        {
            _moves.Add(new(NetworkKey.Of(IPNetwork.Parse(host)), Episode.OverBetween(since, until), since, kinds));
        }
    }

    /// <summary>The anomaly that the block has, or is part of, goes from host to host there.</summary>
    public bool IsSeen { get; private set; }

    /// <summary>
    /// So many seconds in a row a host belongs to it: twice as long as it stays with a host. Who is over for longer is attacked by itself. Hosts that it came to
    /// together are one move.
    /// </summary>
    public int Stay
    {
        get
        {
            var since = _moves.Select(move => move.Since).Distinct().Order().ToArray();
            long[] gaps = [.. since.Zip(since.Skip(1), (one, next) => next - one).Where(gap => gap > 1).Order()];
            return gaps.Length > 0 ? (int)Math.Max(LeastStay, 2 * gaps[gaps.Length / 2]) : LeastStay;
        }
    }

    /// <summary>An anomaly opens, or widens to a target.</summary>
    /// <param name="target">Whose it is from now on.</param>
    /// <param name="reached">The block within which it goes from host to host; null: it does not.</param>
    public static void Begin(TargetWatch target, TargetWatch? reached)
    {
        target.Rotation?.IsSeen = target == reached;
        reached?.Rotation?.IsSeen = true; // also where the whole object is named for it
    }

    /// <summary>A host is over: it is where the attack may have gone to. Inside its block's anomaly that is then one that goes from host to host.</summary>
    public static void Note(ObjectWatch on, TargetWatch host, long second, Verdict verdict)
    {
        if (host is { Level: WatchLevel.Host, Block: { } block })
        {
            var rotation = block.Rotation ??= new Rotation();
            rotation.Note(host, host.Episode!, Kinds(verdict.Over));
            rotation.IsSeen = rotation.IsSeen || (block.IsCovered && !host.IsCovered && Reaches(on, host, second, verdict));
        }
    }

    private void Note(TargetWatch host, Episode episode, ulong kinds)
    {
        var at = _moves.Count - 1;
        while (at >= 0 && _moves[at].Host != host.Target)
        {
            at--;
        }

        if (at >= 0 && _moves[at].Since == episode.OverSince)
        {
            return;
        }

        if (at >= 0 || _moves.Count == Kept)
        {
            _moves.RemoveAt(Math.Max(0, at));
        }

        _moves.Add(new(host.Target, episode, episode.OverSince, kinds));
    }

    /// <summary>For whoever goes on with the block's anomaly.</summary>
    public RotationMemory Memory =>
        new(IsSeen, [.. _moves.Select(move => new MoveMemory($"{move.Host.ToNetwork()}", move.Since, move.Episode.OverUntil, move.Kinds))]);

    /// <summary>Nothing of it needs to be remembered any more.</summary>
    public bool IsOver(long second)
    {
        _moves.RemoveAll(move => second - move.Episode.OverUntil > Remembered);
        return _moves.Count == 0;
    }

    /// <summary>
    /// Whether the attack comes to this host from others of its block, which it has left: what goes on beside it are attacks of their own, and what is of another
    /// kind is another one.
    /// </summary>
    public static bool Reaches(ObjectWatch on, TargetWatch host, long second, Verdict verdict)
    {
        if (host is not { Level: WatchLevel.Host, Block: { Rotation: { } rotation } block } || !on.Object.Holds(block.Target))
        {
            return false;
        }

        var kinds = Kinds(verdict.Over);
        var (left, next) = (0, second);
        for (var at = rotation._moves.Count - 1; at >= 0; at--)
        {
            var (other, episode, since, of) = rotation._moves[at];
            if (other == host.Target || (of & kinds) == 0)
            {
                continue;
            }

            if (next - episode.OverUntil > LongestPause || second - episode.OverUntil > Remembered)
            {
                break;
            }

            left += second - episode.OverUntil > Math.Max(1, on.Lag.Seconds) ? 1 : 0;
            next = Math.Min(next, since);
        }

        return left >= EnoughHosts;
    }

    /// <summary>
    /// The block that is named for a host, because the attack comes to it from others there; null: the host is named, or it has an anomaly, or what is around it.
    /// </summary>
    /// <param name="judged">What is over: the host by its own rule, or what is around it.</param>
    public static TargetWatch? BlockFor(ObjectWatch on, TargetWatch named, TargetWatch judged, long second, Verdict verdict)
    {
        if (named is not { Level: WatchLevel.Host, IsCovered: false, Block: { IsCovered: false } block } || on.Whole.IsCovered)
        {
            return null;
        }

        if (named != judged)
        {
            (named.Episode ??= new Episode()).Over(second); // by the wider rule
            Note(on, named, second, verdict);
        }

        return Reaches(on, named, second, verdict) ? block : null;
    }

    /// <summary>
    /// Whether a host inside its block's anomaly is where the attack has gone to, and not attacked by itself for longer than that stays anywhere. An attack may change
    /// its kind from host to host: one that comes to this host from others of its block in the way it always did is the block's, whatever that was over for.
    /// </summary>
    public static bool Includes(ObjectWatch on, TargetWatch host, TargetWatch wide, long second, Verdict verdict) =>
        host.Block is { Rotation: { } rotation } block && wide == block
        && ((rotation.IsSeen && (wide.Episode!.Home ?? wide).Episode!.Vectors.Any(vector => (Kind(vector) & Kinds(verdict.Over)) != 0))
            || Reaches(on, host, second, verdict))
        && second - host.Episode!.OverSince < rotation.Stay;

    /// <summary>The block within which an anomaly goes from host to host; null: it does not.</summary>
    public static TargetWatch? Of(TargetWatch target) => BlockOf(target) is { Rotation.IsSeen: true } block ? block : null;

    /// <summary>The block that an anomaly is about, alone or with others; null: it is about no block.</summary>
    public static TargetWatch? BlockOf(TargetWatch target) =>
        target.Level is WatchLevel.Prefix ? target : target.Episode?.Joined.Find(joined => joined == target.Block);

    /// <summary>What tells attacks apart: all traffic, and all UDP, are over in most of them.</summary>
    private static ulong Kinds(IReadOnlyList<VectorMeasurement> over)
    {
        var kinds = 0UL;
        for (var i = 0; i < over.Count; i++)
        {
            kinds |= Kind(over[i].Vector);
        }

        var narrow = kinds & ~(Kind(TrafficVector.Total) | Kind(TrafficVector.Udp));
        return narrow != 0 ? narrow : (kinds & Kind(TrafficVector.Udp)) != 0 ? Kind(TrafficVector.Udp) : kinds;
    }

    private static ulong Kind(TrafficVector vector) => 1UL << (int)vector;

    /// <param name="Since">The first second in a row in which it was over.</param>
    /// <param name="Kinds">What it was over for.</param>
    private readonly record struct Move(NetworkKey Host, Episode Episode, long Since, ulong Kinds);
}

/// <summary>What a judge remembers of an attack that goes from host to host of a block, for whoever goes on with the block's anomaly.</summary>
internal sealed record RotationMemory(bool IsSeen, IReadOnlyList<MoveMemory> Moves);

/// <param name="Since">The first second in a row in which the host was over, since 1970.</param>
/// <param name="Until">The last one.</param>
/// <param name="Kinds">What it was over for: bits by number of vector.</param>
internal sealed record MoveMemory(string Host, long Since, long Until, ulong Kinds);
