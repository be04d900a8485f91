using System.IO.Compression;
using System.Numerics;
using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;

namespace Platform.Detection.Learning;

/// <summary>
/// What is usual for one protected object, by level, vector and hour of the week. Learns from whole seconds as they close; seconds around an anomaly are
/// refused. Bounded: a series per vector that occurs, whatever the number of hosts. Not for several threads.
/// </summary>
/// <remarks>
/// Nobody has to wait for a week: after minutes their maximum is a beginning, an hour that was never seen is judged by the same hour of other days, and
/// that by the busiest hour, each with a wider margin.
/// </remarks>
/// <param name="hours">On which calendar.</param>
/// <param name="after">Seconds up to this one (since 1970, UTC) teach nothing.</param>
internal sealed class ObjectBaseline(HoursOfWeek hours, long after = -1)
{
    /// <summary>Times the usual: what a crowd may bring with its margin.</summary>
    public const double Crowd = 8;

    private const int Format = 2;
    private const int Levels = 3;
    private const int Vectors = 32;
    private const int Units = 2;
    private const int LeastMinutes = 3;
    private const int FirstMinutes = 15;
    private const int LeastHours = 6;
    private const int DayHours = 24;
    private const int KnownDays = 4;
    private const double MostOdd = 2; // times the middle of the days: one odd hour of the week (a crowd, a transfer) makes no more of it usual
    private const double RareShare = 0.5;
    private const int MostHours = 120; // of the week: the busiest hour is known
    private const double SamplePacket = 800 * 8;
    private const double TrendHours = 36;
    private const double SettlesInHours = 4 * HoursOfWeek.Count; // what stays is usual
    private const int FewestPackets = 12; // sampled ones; fewer say nothing
    private const int FewestOfNever = 5;
    private const double Steep = 1.75;
    private static readonly TimeSpan StaleAfter = TimeSpan.FromDays(3);

    private static readonly TrafficVector[] Rare =
    [
        TrafficVector.Icmp, TrafficVector.TcpSyn, TrafficVector.TcpSynAck, TrafficVector.TcpRst, TrafficVector.TcpNull, TrafficVector.TcpInvalid, TrafficVector.Fragment,
        TrafficVector.Gre, TrafficVector.Dns, TrafficVector.Ntp, TrafficVector.Ssdp, TrafficVector.Cldap, TrafficVector.Memcached,
        TrafficVector.Chargen, TrafficVector.Snmp, TrafficVector.Portmap, TrafficVector.Netbios, TrafficVector.Mssql, TrafficVector.Rip,
        TrafficVector.Qotd, TrafficVector.Tftp, TrafficVector.Mdns, TrafficVector.WsDiscovery, TrafficVector.L2tp, TrafficVector.Arms,
        TrafficVector.OtherAmplification, TrafficVector.IpNull, TrafficVector.Other,
    ];

    private readonly BaselineSeries?[] _series = new BaselineSeries?[Levels * Vectors * Units];
    private readonly List<int> _present = [];
    private readonly ulong[] _known = new ulong[Levels];
    private double _trend;
    private int _hoursSeen; // hours of the week, of the object's whole traffic
    private int _hour = -1;
    private long _minute = -1;
    private long _second = after;
    private readonly long[] _last = [-1, -1, -1]; // of each level

    /// <summary>How the newest days compare with the weeks before: 1.1 is ten percent more.</summary>
    public double Trend => Math.Clamp(Math.Exp(_trend), 0.8, 2.5);

    public HoursOfWeek Hours => hours;

    /// <summary>What it learns of (<see cref="Windows.WatchedObject.LearningGround"/>); null: nobody said.</summary>
    public string? Ground { get; set; }

    public long LearnedMinutes => Series(WatchLevel.Object, TrafficVector.Total, TrafficUnit.Packets)?.Minutes ?? 0;

    /// <summary>Changes when there may be something new to judge by: each minute of the first hours, then each hour.</summary>
    public long Edition => _hoursSeen < LeastHours ? _minute : _hour;

    /// <summary>Whether no service has much of it: neither the whole nor what most traffic consists of.</summary>
    public static bool IsRare(TrafficVector vector) => Rare.Contains(vector);

    /// <summary>Takes in a second that is over.</summary>
    /// <param name="second">Since 1970 (UTC).</param>
    /// <param name="whole">All hosts together.</param>
    /// <param name="host">Of each vector what the busiest host had.</param>
    /// <param name="block">Of each vector what the busiest block had.</param>
    /// <param name="isHostKnown">False: the busiest host had an anomaly, and who was the busiest beside it nobody knows.</param>
    /// <param name="isBlockKnown">The same of the busiest block.</param>
    public void Observe(
        long second, in SecondTraffic whole, in SecondTraffic host, in SecondTraffic block, bool isHostKnown = true, bool isBlockKnown = true)
    {
        if (second <= _second)
        {
            return;
        }

        EndWhatIsOver(second);
        _second = second;
        ReadOnlySpan<bool> isKnown = [isHostKnown, isBlockKnown, true];
        Span<bool> isNext = stackalloc bool[Levels];
        for (var level = 0; level < Levels; level++)
        {
            isNext[level] = second == _last[level] + 1;
            _last[level] = isKnown[level] ? second : _last[level];
        }

        Note(WatchLevel.Host, isHostKnown ? host : default);
        Note(WatchLevel.Prefix, isBlockKnown ? block : default);
        Note(WatchLevel.Object, whole);
        foreach (var position in _present)
        {
            var (level, vector, unit) = (position / (Vectors * Units), VectorOf(position), (TrafficUnit)(position % Units));
            if (!isKnown[level])
            {
                continue;
            }

            var value = (WatchLevel)level switch
            {
                WatchLevel.Host => host[vector][unit],
                WatchLevel.Prefix => block[vector][unit],
                _ => whole[vector][unit],
            };
            _series[position]!.Observe(value, isNext[level]);
        }
    }

    /// <summary>Everything that was learned but the last two minutes, in a few kilobytes.</summary>
    public byte[] Snapshot()
    {
        using var bytes = new MemoryStream();
        using (var to = new BinaryWriter(new BrotliStream(bytes, CompressionLevel.Fastest, leaveOpen: true)))
        {
            to.Write(Format);
            to.Write(hours.Zone);
            to.Write(_trend);
            to.Write(_second);
            to.Write(_hour);
            to.Write(_present.Count);
            foreach (var position in _present)
            {
                to.Write(position);
                _series[position]!.Write(to);
            }

            to.Write(Ground is not null); // the release before reads no further
            to.Write(Ground ?? "");
        }

        return bytes.ToArray();
    }

    /// <summary>
    /// Goes on where a snapshot stood, in the hour that was under way; with nothing when it is of another calendar or of other addresses. One of the release
    /// before has no calendar and no hour under way, and later ones did not always say of which addresses.
    /// </summary>
    public static ObjectBaseline Restore(byte[] snapshot, HoursOfWeek hours, string? ground = null)
    {
        var baseline = new ObjectBaseline(hours) { Ground = ground };
        using var from = new BinaryReader(new BrotliStream(new MemoryStream(snapshot), CompressionMode.Decompress));
        var format = from.ReadInt32();
        if (format is not (1 or Format) || (format == Format && from.ReadString() != hours.Zone))
        {
            return baseline;
        }

        (baseline._trend, baseline._second) = (from.ReadDouble(), from.ReadInt64());
        baseline._hour = format == Format ? from.ReadInt32() : -1;
        baseline._minute = format == Format ? baseline._second / 60 : -1;
        for (var left = from.ReadInt32(); left > 0; left--)
        {
            var position = from.ReadInt32();
            baseline._series[position] = BaselineSeries.Read(from, withHour: format == Format);
            baseline._present.Add(position);
            baseline._known[position / (Vectors * Units)] |= 1ul << (int)VectorOf(position);
        }

        var isGroundKnown = from.BaseStream.ReadByte() > 0;
        if (isGroundKnown && from.ReadString() is var learned && ground is not null && ground != learned)
        {
            return new ObjectBaseline(hours) { Ground = ground };
        }

        baseline.CountHours();
        return baseline;
    }

    /// <summary>The last minutes are not learned: there is an anomaly.</summary>
    public void Refuse()
    {
        foreach (var position in _present)
        {
            _series[position]!.Refuse();
        }
    }

    public LearningProgress Progress(DateTimeOffset now)
    {
        var coverage = _hoursSeen / (double)HoursOfWeek.Count;
        DateTimeOffset? until = _second < 0 ? null : DateTimeOffset.FromUnixTimeSeconds(_second);
        var phase = until is { } last && now - last > StaleAfter ? LearningPhase.Stale
            : coverage >= 0.95 ? LearningPhase.Ready
            : LearningPhase.Learning;
        return new(phase, coverage, until);
    }

    /// <summary>What is usual and what is allowed at an hour; nothing before the first hours were seen.</summary>
    /// <param name="level">Whose traffic.</param>
    /// <param name="hour">Hour of the week.</param>
    /// <param name="settings">Margin and floor.</param>
    /// <param name="grain">Packets that one sampled packet stands for, as far as it shows; 1 or less when it does not.</param>
    /// <param name="declared">Bits per second that the contract declares; null: nothing.</param>
    public LearnedLevel Compile(WatchLevel level, int hour, LearningSettings settings, long grain, long? declared = null)
    {
        if (Series(level, TrafficVector.Total, TrafficUnit.Packets) is not { } all || all.Minutes < LeastMinutes)
        {
            return LearnedLevel.Nothing;
        }

        var thresholds = new List<LearnedThreshold>();
        var expected = new Dictionary<TrafficVector, Amount>();
        var seen = all.Weeks;
        var isEarly = seen.Count(weeks => weeks > 0) < LeastHours;
        var (busiestBits, busiestPackets) = (Busiest(level, TrafficUnit.Bits), Busiest(level, TrafficUnit.Packets));
        foreach (var position in _present)
        {
            if (position / (Vectors * Units) != (int)level)
            {
                continue;
            }

            var (vector, unit) = (VectorOf(position), (TrafficUnit)(position % Units));
            var series = _series[position]!;
            var (usual, peak, doubt) = Usual(series, seen, isEarly, hour);
            var floor = Floor(vector, settings.FloorShare * (unit is TrafficUnit.Bits ? busiestBits : busiestPackets), usual);
            var rate = Math.Max(settings.Margin * doubt * usual, floor);
            // Sampling is the same for all, so what is rare is no quieter than the whole.
            var noise = Math.Max(
                Math.Max(series.Noise, 0.7 * Series(level, TrafficVector.Total, unit)!.Noise), unit is TrafficUnit.Bits ? grain * SamplePacket : grain);
            thresholds.Add(new(vector, unit, usual, rate, Burst(usual, peak, rate, noise)));
            if (vector is TrafficVector.Total)
            {
                // Where few packets are sampled, a narrow margin needs many of them; a wide one sees what is far beyond it sooner.
                thresholds.Add(new(vector, unit, usual, Steep * rate, Burst(usual, peak, Steep * rate, noise)));
            }

            var amount = expected.GetValueOrDefault(vector);
            expected[vector] = unit is TrafficUnit.Bits ? amount with { Bits = (long)usual } : amount with { Packets = (long)usual };
        }

        // What never came is as unusual as can be: it has the floor, and after some hours of never few sampled packets are enough.
        foreach (var vector in Rare.Where(vector => !expected.ContainsKey(vector)))
        {
            foreach (var unit in (TrafficUnit[])[TrafficUnit.Bits, TrafficUnit.Packets])
            {
                var floor = Floor(vector, settings.FloorShare * (unit is TrafficUnit.Bits ? busiestBits : busiestPackets), usual: 0);
                var noise = Math.Max(0.7 * Series(level, TrafficVector.Total, unit)!.Noise, unit is TrafficUnit.Bits ? grain * SamplePacket : grain);
                thresholds.Add(new(vector, unit, Usual: 0, floor, Math.Max(0.3 * floor, (isEarly ? FewestPackets : FewestOfNever) * noise)));
            }
        }

        var typical = expected.Keys.ToDictionary(vector => vector, vector => new Amount(
            (long)Middle(level, vector, TrafficUnit.Bits), (long)Middle(level, vector, TrafficUnit.Packets)));
        foreach (var (vector, amount) in expected)
        {
            // A transfer that comes at this hour each night makes no other packet longer.
            var size = typical[vector].Packets == 0 ? double.MaxValue : (double)typical[vector].Bits / typical[vector].Packets;
            expected[vector] = amount with { Bits = (long)Math.Min(amount.Bits, amount.Packets * size) };
        }

        var (once, longer) = MostTransfers(declared);
        return new(
            thresholds,
            Traffic(expected),
            Traffic(expected, isSum: false),
            Traffic(typical),
            Math.Max(Math.Max(1, all.Noise), grain),
            once * Busiest(WatchLevel.Object, TrafficUnit.Bits),
            longer * Busiest(WatchLevel.Object, TrafficUnit.Bits))
        {
            IsBeginning = LearnedMinutes < FirstMinutes,
        };
    }

    /// <summary>
    /// Times the busiest hour: what transfers may have. Of the first day the evening may be to come, and of the week the busier days; what goes on in the first day has no
    /// more for that than is declared.
    /// </summary>
    private (double Once, double Long) MostTransfers(long? declared) =>
        _hoursSeen >= MostHours ? (6, 2)
        : _hoursSeen >= DayHours ? (6, 3)
        : (12, Math.Clamp(declared / Math.Max(1, Busiest(WatchLevel.Object, TrafficUnit.Bits)) ?? double.PositiveInfinity, 3, 6));

    /// <summary>What is never an anomaly, whatever is usual: a share of the busiest hour; of what is rare half of it is enough, unless a crowd may bring more.</summary>
    private static double Floor(TrafficVector vector, double share, double usual) => IsRare(vector) ? Math.Clamp(Crowd * usual, RareShare * share, share) : share;

    /// <summary>
    /// What may come beyond the rate before it adds up to an anomaly: a part of a second, what single seconds were seen to have, and enough of
    /// the jumping (sampling, most of the time) that it crosses by chance less than once in years.
    /// </summary>
    private static double Burst(double usual, double peak, double rate, double noise)
    {
        const double unlikely = 14; // e to the power of minus 28
        var room = Math.Max(rate - usual, 0.1 * rate);
        return Math.Max(
            Math.Max(0.3 * rate, 1.2 * (peak - usual)),
            Math.Max(Fewest(usual / rate) * noise, unlikely * noise * usual / Math.Max(room, noise)));
    }

    /// <summary>
    /// How many sampled packets must add up beyond a rate before it is no chance: fewer where hardly any are usual. A sum of Poisson counts of mean u less
    /// r each passes b with e to the power of minus b times t, where e to the power of t is 1 + t r/u.
    /// </summary>
    private static double Fewest(double share)
    {
        const double unlikely = 28; // e to the power of minus 28
        if (share is not (> 0 and < 0.25))
        {
            return share > 0 ? FewestPackets : FewestOfNever;
        }

        var t = 1 + Math.Log(1 / share);
        for (var i = 0; i < 8; i++)
        {
            t -= (Math.Exp(t) - 1 - (t / share)) / (Math.Exp(t) - (1 / share));
        }

        return Math.Clamp(unlikely / t, FewestOfNever, FewestPackets);
    }

    /// <summary>Usual amount and highest second around an hour, and how much wider the margin must be for want of evidence.</summary>
    private (double Usual, double Peak, double Doubt) Usual(BaselineSeries series, byte[] seen, bool isEarly, int hour)
    {
        var doubt = 1.0;
        if (isEarly)
        {
            return (series.SoFar.Mean, series.SoFar.Peak, Doubt: 2.5); // minutes of the first day
        }

        var (days, middle, highest) = OfDays(series.Mean, seen, hour);
        var highestPeak = OfDays(series.Peak, seen, hour).Highest;
        var bound = days >= KnownDays ? MostOdd * middle : double.MaxValue;
        // Of an hour that was never seen the same hour of other days says it, or else the busiest hour of all. Of four days of the week two are working days, and of
        // seven the weekend is two.
        var (usual, peak) = seen[hour] > 0 ? (Around(series.Mean, seen, hour), Around(series.Peak, seen, hour))
            : days > 0 ? (highest, highestPeak)
            : (series.Mean.Max(), series.Peak.Max());
        doubt = seen[hour] switch
        {
            0 => days >= KnownDays ? 1.3 : days > 0 ? 1.8 : 2.2,
            1 => 1.15,
            _ => 1,
        };
        var cut = usual > bound && bound > 0 ? bound / usual : 1;
        return (usual * cut * Trend, peak * cut * Trend, doubt);
    }

    /// <summary>The same hour of the days that were seen: how many they are, the middle of them and the highest.</summary>
    private static (int Days, double Middle, double Highest) OfDays(float[] values, byte[] seen, int hour)
    {
        Span<double> sameHours = stackalloc double[7];
        var days = 0;
        for (var other = hour % DayHours; other < HoursOfWeek.Count; other += DayHours)
        {
            if (seen[other] > 0)
            {
                sameHours[days++] = Around(values, seen, other);
            }
        }

        sameHours[..days].Sort();
        return days == 0 ? default : (days, sameHours[days / 2], sameHours[days - 1]);
    }

    /// <summary>Of an hour and its neighbours the most.</summary>
    private static double Around(float[] values, byte[] seen, int hour)
    {
        var most = 0f;
        for (var offset = -1; offset <= 1; offset++)
        {
            var other = (hour + offset + HoursOfWeek.Count) % HoursOfWeek.Count;
            if (seen[other] > 0)
            {
                most = Math.Max(most, values[other]);
            }
        }

        return most;
    }

    /// <summary>The whole is the sum of what excludes each other, where that is told apart: of maxima the sum fits better than the maximum.</summary>
    private static SecondTraffic Traffic(Dictionary<TrafficVector, Amount> amounts, bool isSum = true)
    {
        var traffic = SecondTraffic.Of(
            default, [.. amounts.Where(pair => pair.Key is not TrafficVector.Total).Select(pair => (pair.Key, pair.Value))]);
        var total = amounts.GetValueOrDefault(TrafficVector.Total); // what is in no vector is in it
        traffic.Add(TrafficVector.Total, isSum && amounts.ContainsKey(TrafficVector.TcpAck) ? Amount.Max(traffic.Parts(), total) : total);
        return traffic;
    }

    /// <summary>
    /// The middle of all hours; of a vector its middle share of the whole, of as much: what comes at some hours of each night, over one vector, makes none of the others
    /// a smaller part of an ordinary hour.
    /// </summary>
    private double Middle(WatchLevel level, TrafficVector vector, TrafficUnit unit)
    {
        var (series, all) = (Series(level, vector, unit)!, Series(level, TrafficVector.Total, unit)!);
        var seen = Series(level, TrafficVector.Total, TrafficUnit.Packets)!.Weeks;
        Span<float> hourly = stackalloc float[HoursOfWeek.Count];
        var known = 0;
        for (var hour = 0; hour < HoursOfWeek.Count; hour++)
        {
            if (seen[hour] > 0 && all.Mean[hour] > 0)
            {
                hourly[known++] = vector is TrafficVector.Total ? all.Mean[hour] : series.Mean[hour] / all.Mean[hour];
            }
        }

        hourly[..known].Sort();
        return known == 0 ? series.SoFar.Mean : hourly[known / 2] * (vector is TrafficVector.Total ? 1 : Middle(level, TrafficVector.Total, unit));
    }

    /// <summary>
    /// The busiest hour, of an odd one as much as it makes usual; while a day is not seen yet also the busiest minute: after that it says what was odd about one minute.
    /// </summary>
    private double Busiest(WatchLevel level, TrafficUnit unit)
    {
        if (Series(level, TrafficVector.Total, unit) is not { } all)
        {
            return 0;
        }

        var (seen, busiest) = (Series(level, TrafficVector.Total, TrafficUnit.Packets)!.Weeks, _hoursSeen < DayHours ? all.SoFar.Mean : 0);
        for (var hour = 0; hour < DayHours; hour++)
        {
            var (days, middle, highest) = OfDays(all.Mean, seen, hour);
            busiest = Math.Max(busiest, days >= KnownDays && middle > 0 ? Math.Min(highest, MostOdd * middle) : highest);
        }

        return busiest * Trend;
    }

    /// <summary>A vector that occurs for the first time has a series from now on.</summary>
    private void Note(WatchLevel level, in SecondTraffic traffic)
    {
        ref var known = ref _known[(int)level];
        var mask = ((ulong)traffic.Mask << (int)TrafficVector.Udp) | (1ul << (int)TrafficVector.Total);
        for (var unknown = mask & ~known; unknown != 0; unknown &= unknown - 1)
        {
            var vector = (TrafficVector)BitOperations.TrailingZeroCount(unknown);
            Add(Position(level, vector, TrafficUnit.Bits));
            Add(Position(level, vector, TrafficUnit.Packets));
        }

        known |= mask;
    }

    private void Add(int position)
    {
        _series[position] = new BaselineSeries();
        _present.Add(position);
    }

    private void EndWhatIsOver(long second)
    {
        var minute = second / 60;
        if (minute == _minute)
        {
            return;
        }

        var hour = hours.Of(second);
        foreach (var position in _present)
        {
            _series[position]!.EndMinute();
        }

        if (hour != _hour && _hour >= 0)
        {
            EndHour();
        }

        (_minute, _hour) = (minute, hour);
    }

    private void EndHour()
    {
        var total = Position(WatchLevel.Object, TrafficVector.Total, TrafficUnit.Packets);
        var (before, change) = (Trend, (double?)null);
        foreach (var position in _present)
        {
            var times = _series[position]!.EndHour(_hour, LeastMinutes, before);
            change = position == total ? times : change;
        }

        CountHours();
        if (change is { } moved)
        {
            _trend += (Math.Log(Math.Clamp(moved, 0.5, 2)) - _trend) / TrendHours;
        }

        Settle();
    }

    /// <summary>What is usual is an hour times the trend: a trend that stays becomes the hours' own in the course of weeks.</summary>
    private void Settle()
    {
        var settled = Math.Pow(Trend, 1 / SettlesInHours);
        _trend -= Math.Log(settled);
        foreach (var position in _present)
        {
            _series[position]!.Scale(settled);
        }
    }

    private void CountHours() =>
        _hoursSeen = Series(WatchLevel.Object, TrafficVector.Total, TrafficUnit.Packets)?.Weeks.Count(seen => seen > 0) ?? 0;

    private BaselineSeries? Series(WatchLevel level, TrafficVector vector, TrafficUnit unit) => _series[Position(level, vector, unit)];

    private static int Position(WatchLevel level, TrafficVector vector, TrafficUnit unit) =>
        (((int)level * Vectors) + ((int)vector % Vectors)) * Units + (int)unit;

    /// <summary>What is kept knows positions, of which no vector of the first releases has the first one: the one after them has it.</summary>
    private static TrafficVector VectorOf(int position) => position / Units % Vectors is > 0 and var number ? (TrafficVector)number : (TrafficVector)Vectors;
}
