namespace Platform.Benchmarks.DetectionQuality;

/// <summary>Kinds of packets that the world knows. What a detector makes of them is its own affair.</summary>
internal enum PacketKind
{
    /// <summary>TCP within connections.</summary>
    Tcp,
    Syn,
    Udp,

    /// <summary>UDP from port 53, 123, 389, 1900, 11211.</summary>
    DnsAnswer,
    NtpAnswer,
    CldapAnswer,
    SsdpAnswer,
    MemcachedAnswer,
    Icmp,

    /// <summary>UDP fragments after the first.</summary>
    Fragment,
    Gre,
}

/// <summary>A part of traffic: how many packets a second of which kind, how long they are.</summary>
internal readonly record struct Component(PacketKind Kind, double PacketsPerSecond, double BytesPerPacket)
{
    public double BitsPerSecond => PacketsPerSecond * BytesPerPacket * 8;

    public Component Times(double factor) => this with { PacketsPerSecond = PacketsPerSecond * factor };
}

/// <summary>Something beyond ordinary traffic, with its label.</summary>
/// <param name="Name">What it is.</param>
/// <param name="IsAttack">The label.</param>
/// <param name="Start">Second of the simulation.</param>
/// <param name="End">Second of the simulation, exclusive.</param>
/// <param name="Host">
/// Number of the host, 256 for each prefix; -1: every host alike (a crowd); -2: all addresses of the first prefix (carpet bombing); -3: of all prefixes.
/// </param>
/// <param name="Parts">What it brings at its height; empty for a crowd and a restart, which change what is there.</param>
/// <param name="Factor">Of an attack: how many times the normal peak, in the unit that it strains most. Of a crowd: times the usual.</param>
/// <param name="Level">Height at a time within it, 0 to 1; may be beyond 1 for a restart's flush.</param>
internal sealed record WorldEvent(
    string Name, bool IsAttack, double Start, double End, int Host, IReadOnlyList<Component> Parts, double Factor, Func<double, double> Level)
{
    public const int Everybody = -1;
    public const int Block = -2;
    public const int AllBlocks = -3;

    /// <summary>A transfer has one source, and so has every other flood of long TCP packets; ordinary traffic, crowds and other attacks have many.</summary>
    public int Source => IsAttack && !(Parts.All(part => part.Kind is PacketKind.Tcp && part.BytesPerPacket > 700) && (int)Start % 2 == 0) ? 0 : 1 + (int)Start;

    public bool IsActive(double second) => second >= Start && second < End;
}

/// <summary>
/// One customer's object over 28 days, from a seed: what is really sent, and what a sampling router reports of it.
/// </summary>
/// <remarks>
/// <para>Ordinary traffic is a mixture by type (web, DNS, game, mail, homes, generic) times a day curve with two humps, a weekend factor, holidays like
/// Sundays, growth of -5 to 25 % over the month, an autoregressive swing of minutes (8 %), and jumps from second to second (10 to 25 %). It is shared
/// out to 1 to 10 hosts in 1 to 4 prefixes by Zipf's law. Peaks lie between 3,000 and 2,000,000 packets/s.</para>
/// <para>A router samples 1 in 1000 or 1 in 10000 packets: each kind's count in each interval is Poisson distributed and scaled up; lengths vary. Four in ten
/// routers send each sample at once, the others keep flows for 1 to 10 s and report them late and spread (<see cref="FlowCache"/>).</para>
/// <para>Harmless events: crowds (1.5 to 4 times the usual, the same mixture, rising within 3 to 15 minutes, for 10 to 60), speed tests (10 to 30 s,
/// long TCP packets of one source, 0.3 to 3 times the peak in bits), nightly backups (20 to 90 min), big downloads (1 to 20 min), exporter restarts (silence for 20 to
/// 120 s, then what lay in its cache at once).</para>
/// <para>Attacks: about eight a month from the first day on, 1.5 to 50 times the normal peak (log-uniform), of eleven vectors, some of two at once; steady,
/// ramps of 20 to 180 s, pulses of 5 to 20 s with pauses of 5 to 60 s, carpet bombing of a /24 or of all prefixes. They last 1 to 15 minutes.</para>
/// <para>None of these figures is known to any detector in this comparison.</para>
/// </remarks>
internal sealed class TrafficWorld
{
    public const int Days = 28;
    public const int Seconds = Days * 86_400;

    /// <summary>Seconds before and after an event that are near it.</summary>
    public const int Foretime = 60;
    public const int Aftermath = 180;

    private const int Many = 0;
    private static readonly Dictionary<string, (PacketKind Kind, double Share, double Bytes)[]> Mixtures = new()
    {
        ["web"] = [(PacketKind.Tcp, 0.86, 240), (PacketKind.Syn, 0.05, 60), (PacketKind.Udp, 0.08, 700), (PacketKind.DnsAnswer, 0.002, 160), (PacketKind.Icmp, 0.003, 84)],
        ["dns"] = [(PacketKind.Udp, 0.85, 75), (PacketKind.Tcp, 0.08, 120), (PacketKind.Syn, 0.02, 60), (PacketKind.DnsAnswer, 0.045, 180), (PacketKind.Icmp, 0.005, 84)],
        ["game"] = [(PacketKind.Udp, 0.88, 120), (PacketKind.Tcp, 0.1, 200), (PacketKind.Syn, 0.01, 60), (PacketKind.Icmp, 0.01, 64)],
        ["mail"] = [(PacketKind.Tcp, 0.88, 900), (PacketKind.Syn, 0.06, 60), (PacketKind.DnsAnswer, 0.04, 200), (PacketKind.Udp, 0.015, 120), (PacketKind.Icmp, 0.005, 84)],
        ["eyeball"] = [(PacketKind.Tcp, 0.62, 1250), (PacketKind.Udp, 0.35, 1150), (PacketKind.Syn, 0.005, 60), (PacketKind.DnsAnswer, 0.01, 220), (PacketKind.NtpAnswer, 0.0005, 76), (PacketKind.Fragment, 0.003, 900), (PacketKind.Icmp, 0.004, 84)],
        ["generic"] = [(PacketKind.Tcp, 0.8, 550), (PacketKind.Syn, 0.03, 60), (PacketKind.Udp, 0.14, 400), (PacketKind.DnsAnswer, 0.01, 180), (PacketKind.Icmp, 0.01, 84), (PacketKind.Gre, 0.01, 500)],
    };

    private readonly Component[] _mixture;
    private readonly double[] _hostShares;
    private readonly double _hump;
    private readonly double _night;
    private readonly double _weekend;
    private readonly double _growth;
    private readonly double _jumps;
    private readonly Randomness _random;
    private readonly FlowCache _cache;
    private readonly List<WorldEvent> _near = [];
    private int _upcoming;
    private double _swing;
    private double _swingAt;

    public TrafficWorld(int seed, int number)
    {
        _random = new Randomness(unchecked((seed * 1_000_003) + (number * 7919) + 17));
        Type = Mixtures.Keys.ElementAt(number % Mixtures.Count);
        var packets = Math.Exp(_random.Between(Math.Log(3_000), Math.Log(2_000_000)));
        Sampling = _random.Unit() < (packets > 100_000 ? 0.8 : 0.2) ? 10_000 : 1_000;
        var routers = new Randomness(unchecked((seed * 1_000_003) + (number * 7919) + 18));
        Prefixes = routers.Unit() < 0.5 ? 1 : routers.Whole(2, 4);
        _cache = new FlowCache(routers.Unit() < 0.4 ? 0 : routers.Whole(1, 10), Sampling, routers);
        _mixture = [.. Mixtures[Type].Select(part => new Component(part.Kind, packets * part.Share, part.Bytes * _random.Between(0.85, 1.15)))];
        var shares = Enumerable.Range(1, 1 + (int)(_random.Unit() * _random.Unit() * 10)).Select(rank => 1.0 / rank).ToArray();
        _hostShares = [.. shares.Select(share => share / shares.Sum())];
        _hump = _random.Between(11, 22);
        _night = _random.Between(0.15, 0.5);
        _weekend = Type is "eyeball" or "game" ? _random.Between(1, 1.3) : _random.Between(0.5, 1);
        _growth = _random.Between(-0.05, 0.25);
        _jumps = _random.Between(0.1, 0.25);
        // Japanese spring: seven holidays may fall into the month.
        Start = new DateTimeOffset(2026, 3, 30, 0, 0, 0, TimeSpan.FromHours(9)).AddDays(_random.Whole(0, 28));
        var busiest = Enumerable.Range(0, Days * 24).Max(hour => Usual(hour * 3600.0));
        PeakPackets = busiest * _mixture.Sum(part => part.PacketsPerSecond);
        PeakBits = busiest * _mixture.Sum(part => part.BitsPerSecond);
        Events = [.. Harmless().Concat(Attacks()).OrderBy(happening => happening.Start)];
    }

    public string Type { get; }

    public DateTimeOffset Start { get; }

    /// <summary>One in so many packets is reported.</summary>
    public int Sampling { get; }

    /// <summary>Seconds that a flow may stay in the router's cache.</summary>
    public int Timeout => _cache.Timeout;

    /// <summary>The normal peak: the busiest hour without anything of chance.</summary>
    public double PeakPackets { get; }

    public double PeakBits { get; }

    public int Hosts => _hostShares.Length;

    /// <summary>Blocks of 256 addresses; the hosts are dealt out to them in turn.</summary>
    public int Prefixes { get; }

    public IReadOnlyList<WorldEvent> Events { get; }

    /// <summary>Events that are near a second. To be asked of later and later seconds.</summary>
    public IReadOnlyList<WorldEvent> Near(double second)
    {
        _near.RemoveAll(happening => second >= happening.End + Aftermath);
        while (_upcoming < Events.Count && Events[_upcoming].Start - Foretime - 2 <= second)
        {
            _near.Add(Events[_upcoming++]);
        }

        return _near;
    }

    /// <summary>
    /// What the router reports in an interval of at most a second: by host (0 to 255) the sampled packets of each kind, scaled up, and their second. False:
    /// it reports nothing of anybody, because it restarts.
    /// </summary>
    public bool Report(IReadOnlyList<WorldEvent> near, double second, double length, Reported reported)
    {
        var (level, crowds, flow) = (Usual(second) * Chance(second), 1.0, 1.0);
        foreach (var happening in near)
        {
            if (happening.Host == WorldEvent.Everybody && happening.IsActive(second))
            {
                var height = happening.Level(second - happening.Start);
                (crowds, flow) = happening.Name == "restart" ? (crowds, height) : (crowds + ((happening.Factor - 1) * height), flow);
            }
        }

        for (var host = 0; host < Hosts && flow > 0; host++)
        {
            foreach (var part in _mixture)
            {
                Sample(Number(host), part.Times(level * crowds * flow * _hostShares[host]), Many, second, length, reported);
            }
        }

        foreach (var happening in near)
        {
            if (happening.Host != WorldEvent.Everybody && happening.IsActive(second) && flow > 0)
            {
                var height = happening.Level(second - happening.Start);
                foreach (var part in happening.Parts)
                {
                    if (happening.Host is WorldEvent.Block or WorldEvent.AllBlocks)
                    {
                        var addresses = happening.Host == WorldEvent.Block ? 256 : 256 * Prefixes;
                        for (var host = 0; host < addresses; host++)
                        {
                            Sample(host, part.Times(height / addresses), Many, second, length, reported);
                        }
                    }
                    else
                    {
                        Sample(happening.Host, part.Times(height), happening.Source, second, length, reported);
                    }
                }
            }
        }

        if (flow > 0)
        {
            _cache.Export(second, reported);
        }

        return flow > 0;
    }

    /// <summary>The next interval is not the one after the last: the cache gives what it has.</summary>
    public void Flush(double second, Reported reported) => _cache.Flush(second, reported);

    /// <summary>Fills the cache with what flowed before a second of which everything shall be there.</summary>
    public void Warm(double from, double second)
    {
        _cache.Clear();
        for (var before = Math.Max(from, second - Timeout); before < second; before++)
        {
            Report(Near(before), before, 1, (_, _, _, _, _, _) => { });
        }
    }

    private void Sample(int host, Component part, int source, double second, double length, Reported reported)
    {
        var sampled = _random.Poisson(part.PacketsPerSecond * length / Sampling);
        if (sampled > 0)
        {
            var bytes = part.BytesPerPacket * Math.Max(0.3, 1 + (0.4 * _random.Normal() / Math.Sqrt(sampled)));
            _cache.Add(host, part.Kind, source, sampled, Math.Clamp(bytes, 40, 1500), second, reported);
        }
    }

    private int Number(int host) => host + (256 * (host % Prefixes));

    /// <summary>Day, week, holidays and growth; 1 is about the peak.</summary>
    private double Usual(double second)
    {
        var at = Start.AddSeconds(second);
        var hour = at.TimeOfDay.TotalHours;
        var day = 0.5 + (0.5 * Math.Cos((hour - _hump) / 24 * 2 * Math.PI)) + (0.15 * Math.Cos((hour - _hump + 5) / 12 * 2 * Math.PI));
        var isFree = at.DayOfWeek is DayOfWeek.Saturday or DayOfWeek.Sunday || IsHoliday(at);
        return (_night + ((1 - _night) * Math.Clamp(day, 0, 1.1))) * (isFree ? _weekend : 1) * (1 + (_growth * second / Seconds));
    }

    private static bool IsHoliday(DateTimeOffset at) => (at.Month, at.Day) is (4, 29) or (5, 3) or (5, 4) or (5, 5) or (5, 6); // 2026

    private double Chance(double second)
    {
        var fade = Math.Exp(-Math.Abs(second - _swingAt) / 600);
        _swing = (_swing * fade) + (Math.Sqrt(1 - (fade * fade)) * 0.08 * _random.Normal());
        _swingAt = second;
        return Math.Exp(_swing + (_jumps * _random.Normal()) - (_jumps * _jumps / 2));
    }

    private IEnumerable<WorldEvent> Harmless()
    {
        var bulk = new Component(PacketKind.Tcp, PeakBits / (1400 * 8), 1400);
        for (var i = _random.Whole(0, 3); i > 0; i--)
        {
            var (rise, stay) = (_random.Between(180, 900), _random.Between(600, 3_600));
            var start = _random.Between(0.5, Days - 0.2) * 86_400;
            yield return new("crowd", false, start, start + (2 * rise) + stay, WorldEvent.Everybody, [], _random.Between(1.5, 4),
                at => at < rise ? at / rise : at < rise + stay ? 1 : Math.Max(0, 1 - ((at - rise - stay) / rise)));
        }

        for (var i = Type is "eyeball" or "generic" ? _random.Whole(3, 10) : _random.Whole(0, 3); i > 0; i--)
        {
            yield return Transfer("speed test", _random.Between(0.1, Days - 0.1) * 86_400, _random.Between(10, 30), _random.Between(0.3, 3));
        }

        for (var i = _random.Whole(3, 12); i > 0; i--)
        {
            yield return Transfer("download", _random.Between(0.1, Days - 0.1) * 86_400, _random.Between(60, 1_200), _random.Between(0.2, 1.5));
        }

        if (_random.Unit() < 0.6)
        {
            var (hour, height) = (_random.Between(0, 5), _random.Between(0.2, 1));
            for (var day = 0; day < Days; day++)
            {
                yield return Transfer("backup", (day * 86_400) + (hour * 3_600) + _random.Between(0, 600), _random.Between(1_200, 5_400), height);
            }
        }

        for (var i = _random.Whole(1, 4); i > 0; i--)
        {
            var silence = _random.Between(20, 120);
            var start = _random.Between(0.1, Days - 0.1) * 86_400;
            yield return new("restart", false, start, start + silence + 2, WorldEvent.Everybody, [], 1, at => at < silence ? 0 : 1.5);
        }

        WorldEvent Transfer(string name, double start, double length, double height) =>
            new(name, false, start, start + length, Number(_random.Whole(0, Hosts - 1)), [bulk.Times(height)], height, at => Math.Min(1, (at + 0.2) / 2));
    }

    private IEnumerable<WorldEvent> Attacks()
    {
        var start = _random.Between(0.3, 4) * 86_400;
        while (start < (Days - 0.1) * 86_400)
        {
            var factor = Math.Exp(_random.Between(Math.Log(1.5), Math.Log(50)));
            var parts = Vector();
            if (_random.Unit() < 0.25)
            {
                parts = [.. parts.Select(part => part.Times(0.5)), .. Vector().Select(part => part.Times(0.5))];
            }

            var strain = Math.Max(parts.Sum(part => part.PacketsPerSecond) / PeakPackets, parts.Sum(part => part.BitsPerSecond) / PeakBits);
            parts = [.. parts.Select(part => part.Times(factor / strain))];
            var length = _random.Between(60, 900);
            var (name, host, level) = Form(length);
            yield return new(name, true, start, start + length, host, parts, factor, level);
            start += length + (_random.Between(0.5, 6) * 86_400);
        }
    }

    private (string Name, int Host, Func<double, double> Level) Form(double length)
    {
        var victim = Number(_random.Whole(0, Hosts - 1));
        switch (_random.Whole(0, 5))
        {
            case 0:
                var rise = Math.Min(_random.Between(20, 180), 0.75 * length); // it reaches its height
                return ("ramp", victim, at => Math.Min(1, (at + 0.5) / rise));
            case 1:
                var (on, off) = (_random.Between(5, 20), _random.Between(5, 60));
                return ("pulses", victim, at => at % (on + off) < on ? 1 : 0);
            case 2:
                return ("carpet", _random.Unit() < 0.5 ? WorldEvent.Block : WorldEvent.AllBlocks, _ => 1);
            default:
                return ("steady", victim, _ => 1);
        }
    }

    private Component[] Vector() => _random.Whole(0, 10) switch
    {
        0 => [new(PacketKind.Udp, 1, _random.Between(64, 1400))],
        1 => [new(PacketKind.DnsAnswer, 0.7, 1300), new(PacketKind.Fragment, 0.3, 1100)],
        2 => [new(PacketKind.NtpAnswer, 1, 468)],
        3 => [new(PacketKind.CldapAnswer, 1, 1400)],
        4 => [new(PacketKind.SsdpAnswer, 1, 350)],
        5 => [new(PacketKind.MemcachedAnswer, 1, 1400)],
        6 or 7 => [new(PacketKind.Syn, 1, 60)],
        8 => [new(PacketKind.Tcp, 1, _random.Unit() < 0.5 ? 54 : _random.Between(300, 1460))], // ACK flood, of empty packets or of full ones
        9 => [new(PacketKind.Icmp, 1, _random.Between(84, 1000))],
        _ => [new(PacketKind.Fragment, 1, _random.Between(200, 1400))],
    };
}
