using System.Globalization;

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
    SynAck,
    Rst,

    /// <summary>TCP without flags.</summary>
    TcpNull,

    /// <summary>UDP from port 3702, 5683, 37810 and the like.</summary>
    OtherAnswer,

    /// <summary>TCP with flags that no connection has (FIN alone, Christmas trees).</summary>
    TcpOdd,

    /// <summary>Another IP protocol.</summary>
    Other,

    /// <summary>What the host sends: TCP within connections.</summary>
    TcpOut,
}

internal static class PacketKinds
{
    /// <summary>IP protocol.</summary>
    public static uint Protocol(this PacketKind kind) => kind switch
    {
        PacketKind.Tcp or PacketKind.Syn or PacketKind.SynAck or PacketKind.Rst or PacketKind.TcpNull or PacketKind.TcpOdd or PacketKind.TcpOut => 6,
        PacketKind.Icmp => 1,
        PacketKind.Gre => 47,
        PacketKind.Other => 50,
        _ => 17,
    };

    /// <summary>The port that makes the kind; null: any.</summary>
    public static int? SourcePort(this PacketKind kind) => kind switch
    {
        PacketKind.DnsAnswer => 53,
        PacketKind.NtpAnswer => 123,
        PacketKind.CldapAnswer => 389,
        PacketKind.SsdpAnswer => 1900,
        PacketKind.MemcachedAnswer => 11_211,
        PacketKind.OtherAnswer => 37_810,
        _ => null,
    };
}

/// <summary>A part of traffic: how many packets a second of which kind, how long they are, who sends them.</summary>
internal readonly record struct Component(PacketKind Kind, double PacketsPerSecond, double BytesPerPacket, Origin From)
{
    public double BitsPerSecond => PacketsPerSecond * BytesPerPacket * 8;

    public Component Times(double factor) => this with { PacketsPerSecond = PacketsPerSecond * factor };
}

/// <summary>Something beyond ordinary traffic, with its label.</summary>
/// <param name="Name">What it is.</param>
/// <param name="IsAttack">The label.</param>
/// <param name="Start">Second of the simulation.</param>
/// <param name="End">Second of the simulation, exclusive.</param>
/// <param name="Targets">Numbers of the hosts, 256 for each prefix, with what each gets of it; empty: every host alike (a crowd).</param>
/// <param name="Parts">What it brings at its height; empty for a crowd and a restart, which change what is there.</param>
/// <param name="Factor">Of an attack: how many times the normal peak, in the unit that it strains most. Of a crowd: times the usual.</param>
/// <param name="Level">Height at a time within it, 0 to 1; may be beyond 1 for a restart's flush.</param>
internal sealed record WorldEvent(
    string Name, bool IsAttack, double Start, double End, IReadOnlyList<(int Host, double Share)> Targets, IReadOnlyList<Component> Parts, double Factor, Func<double, double> Level)
{
    public bool IsOfEverybody => Targets.Count == 0;

    public bool IsCarpet => Targets.Count > 1;

    /// <summary>For whoever looks into what was missed.</summary>
    public string Describe() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Name} x{Factor:0.0}{(IsCarpet ? $" over {Targets.Count} addresses, most {Targets.Max(target => target.Share):0.000}" : "")} {string.Join('+', Parts.Select(part => $"{part.Kind} of {part.BytesPerPacket:0} B from {part.From.Count} port {part.From.SourcePort}"))}");

    /// <summary>Of what it sends to the blocks that hold these hosts, how much goes to these hosts.</summary>
    public double ShareOf((int First, int Last) hosts)
    {
        var (held, near) = (0.0, 0.0);
        foreach (var (host, share) in Targets)
        {
            near += host >> 8 >= hosts.First >> 8 && host >> 8 <= hosts.Last >> 8 ? share : 0;
            held += host >= hosts.First && host <= hosts.Last ? share : 0;
        }

        return near == 0 ? 0 : held / near;
    }

    public bool IsActive(double second) => second >= Start && second < End;
}

/// <summary>
/// One customer's object over 28 days, from a seed: what is really sent, and what a sampling router reports of it.
/// </summary>
/// <remarks>
/// <para>Ranges are what is known of networks, wide on purpose, and never what a detector takes for granted; each object draws its own.</para>
/// <para>Ordinary traffic is a mixture by type (web, DNS, game, mail, homes, generic; each object has half to twice of each part) times a day curve with two humps, a weekend factor,
/// holidays like Sundays, growth of -5 to 25 % over the month, an autoregressive swing of minutes (8 %), and jumps from second to second (10 to 25 %). It is shared
/// out to 1 to 10 hosts in 1 to 16 prefixes by Zipf's law. Peaks lie between 1,000 and 5,000,000 packets/s: a small office and a large content network. One object in six is
/// IPv6. Its senders are 200 to 100,000, all alike or by Zipf's law (caches of large content networks send much of what homes get).</para>
/// <para>A customer declares one to twenty times the true peak, as contracts do in round numbers; one in ten declares a little too little (0.8 to 1 times). What flows harmlessly above
/// the declared bandwidth is the customer's excess: it is told apart from attacks, so an anomaly of it is a false one, and that it is told as an excess
/// counts neither way. The customer's line (100 Mbit/s to 1 Tbit/s) holds the declared bandwidth and half as much again as the peak; nothing harmless is larger than the line.</para>
/// <para>A router samples 1 in 1000 or 1 in 10000 packets (no object below 3,000 packets/s the latter: of those nothing would be seen at all): each kind's count in each interval is
/// Poisson distributed and scaled up; lengths vary. Four in ten routers send each sample at once, the others keep flows for 1 to 10 s and report them late and
/// spread (<see cref="FlowCache"/>). Who sent a sampled packet, and from which port, is drawn from its <see cref="Origin"/>.</para>
/// <para>Harmless events: crowds (1.5 to 4 times the usual, the same mixture and as many senders, rising within 15 s (a link on television, a game's
/// patch) to 15 minutes, for 10 to 60), a service that is moved in (one object in four: 1.5 to 2.5 times the usual for a week, risen within five minutes to
/// two hours, as caches of names let its users come), speed tests (10 to 30 s, 0.3 to 3 times the peak in bits), nightly backups (20 to 90 min, 0.2 to 1), downloads (1 to 20 min, 0.2 to 1.5):
/// long packets of TCP, or of UDP from port 443 (QUIC; four in ten downloads, three in ten speed tests, two in ten backups), half of them of one sender, the others of 2 to 20 (parallel
/// connections, several edges of a content network), each from one well-known port, rising within half a second to 10 s, their rate swaying by up to 30 %; uploads of
/// the same amounts, of which only the empty acknowledgements come in (one for two to eight packets that go out, which are told as outgoing); exporter restarts (silence for 20 to 120 s, then what lay in its cache at once).</para>
/// <para>Attacks: about eight a month, the first after one hour to four days, 1.5 to 50 times the normal peak of their time (log-uniform), of seventeen vectors, some of two at once; steady,
/// ramps of 20 s to 10 minutes, pulses of 5 to 20 s with pauses of 5 to 60 s, carpets over all prefixes or a /24 to /28 of one (of IPv6 as many
/// addresses), evenly or very unevenly. They last 1 to 15 minutes. Floods come from 1 to 5,000 senders (log-uniform) or from spoofed addresses, reflections
/// from 10 to 20,000 reflectors, each with some skew. Tools for floods change the source port with each packet, or use an odd one; the
/// ports of ordinary services come from many reflectors (500 and more), or of what is steady at 5 times the peak and more for 3 minutes and more from whom transfers come from (15 %;
/// backups of the size of the peak are part of the busiest hour).
/// That, and nothing else, keeps the smallest flood of one sender apart from the largest transfer: what has the same senders, ports, lengths, rate and shape as something harmless nobody can tell, and a label would mean nothing.</para>
/// <para>None of these figures is known to any detector in this comparison.</para>
/// </remarks>
internal sealed class TrafficWorld
{
    public const int Days = 28;
    public const int Seconds = Days * 86_400;

    /// <summary>Seconds before and after an event that are near it.</summary>
    public const int Foretime = 60;
    public const int Aftermath = 180;

    private static readonly Dictionary<string, (PacketKind Kind, double Share, double Bytes)[]> Mixtures = new()
    {
        ["web"] = [(PacketKind.Tcp, 0.86, 240), (PacketKind.Syn, 0.05, 60), (PacketKind.Udp, 0.08, 700), (PacketKind.DnsAnswer, 0.002, 160), (PacketKind.Icmp, 0.003, 84)],
        ["dns"] = [(PacketKind.Udp, 0.85, 75), (PacketKind.Tcp, 0.08, 120), (PacketKind.Syn, 0.02, 60), (PacketKind.DnsAnswer, 0.045, 180), (PacketKind.Icmp, 0.005, 84)],
        ["game"] = [(PacketKind.Udp, 0.88, 120), (PacketKind.Tcp, 0.1, 200), (PacketKind.Syn, 0.01, 60), (PacketKind.Icmp, 0.01, 64)],
        ["mail"] = [(PacketKind.Tcp, 0.88, 900), (PacketKind.Syn, 0.06, 60), (PacketKind.DnsAnswer, 0.04, 200), (PacketKind.Udp, 0.015, 120), (PacketKind.Icmp, 0.005, 84)],
        ["eyeball"] = [(PacketKind.Tcp, 0.62, 1250), (PacketKind.Udp, 0.35, 1150), (PacketKind.Syn, 0.005, 60), (PacketKind.DnsAnswer, 0.01, 220), (PacketKind.NtpAnswer, 0.0005, 76), (PacketKind.Fragment, 0.003, 900), (PacketKind.Icmp, 0.004, 84), (PacketKind.SynAck, 0.004, 60), (PacketKind.Rst, 0.004, 54)],
        ["generic"] = [(PacketKind.Tcp, 0.8, 550), (PacketKind.Syn, 0.03, 60), (PacketKind.Udp, 0.14, 400), (PacketKind.DnsAnswer, 0.01, 180), (PacketKind.Icmp, 0.01, 84), (PacketKind.Gre, 0.01, 500), (PacketKind.SynAck, 0.004, 60), (PacketKind.Rst, 0.004, 54)],
    };

    private static readonly double[] Lines = [1e8, 1e9, 1e10, 4e10, 1e11, 4e11, 1e12, 4e12];
    private static readonly double[] RoundFigures = [1, 1.5, 2, 3, 5, 7, 10];
    private static readonly int[] WellKnown = [443, 80, 22, 873, 8080];
    private readonly Component[] _mixture;
    private readonly double[] _hostShares;
    private readonly double _hump;
    private readonly double _night;
    private readonly double _weekend;
    private readonly double _growth;
    private readonly double _jumps;
    private readonly double _bits; // at level 1
    private readonly double _step;
    private readonly double _stepAt;
    private readonly double _stepRise;
    private readonly Randomness _random;
    private readonly FlowCache _cache;
    private readonly List<WorldEvent> _near = [];
    private int _upcoming;
    private int _origins;
    private double _swing;
    private double _swingAt;

    public TrafficWorld(int seed, int number)
    {
        _random = new Randomness(unchecked((seed * 1_000_003) + (number * 7919) + 17));
        Type = Mixtures.Keys.ElementAt(number % Mixtures.Count);
        var packets = Logarithmic(1_000, 5_000_000);
        Sampling = packets > 3_000 && _random.Unit() < (packets > 100_000 ? 0.8 : 0.2) ? 10_000 : 1_000;
        IsV6 = _random.Unit() < 1 / 6.0;
        var routers = new Randomness(unchecked((seed * 1_000_003) + (number * 7919) + 18));
        Prefixes = routers.Unit() < 0.5 ? 1 : (int)Math.Round(Math.Pow(2, routers.Between(1, 4)));
        _cache = new FlowCache(routers.Unit() < 0.4 ? 0 : routers.Whole(1, 10), Sampling, routers);
        var (isClient, service) = (Type is "eyeball", Type switch { "dns" => 53, "mail" => 25, "game" => 27_015, _ => 443 });
        var everybody = new Origin(
            0, (int)Logarithmic(200, 100_000), _random.Between(0, isClient ? 1.1 : 0.8), isClient ? 443 : 0, isClient ? 0 : service);
        var mixture = Mixtures[Type].Select(part => (part.Kind, Share: part.Share * Logarithmic(0.5, 2), Bytes: part.Bytes * _random.Between(0.85, 1.15))).ToArray();
        var whole = mixture.Sum(part => part.Share);
        _mixture = [.. mixture.Select(part => new Component(part.Kind, packets * part.Share / whole, Math.Min(1_450, part.Bytes), everybody))];
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
        _bits = _mixture.Sum(part => part.BitsPerSecond);
        PeakPackets = busiest * _mixture.Sum(part => part.PacketsPerSecond);
        PeakBits = busiest * _mixture.Sum(part => part.BitsPerSecond);
        DeclaredBits = _random.Unit() < 0.1 ? Math.Floor(PeakBits * _random.Between(0.8, 1) / 1e4) * 1e4 : RoundUp(PeakBits * Logarithmic(1, 20));
        _step = _random.Unit() < 0.25 ? _random.Between(1.5, 2.5) : 1;
        (_stepAt, _stepRise) = (_random.Between(3, Days - 8) * 86_400, Logarithmic(300, 7_200));
        LineBits = Lines.First(line => line >= Math.Max(DeclaredBits, 1.5 * _step * PeakBits));
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

    /// <summary>What the contract says.</summary>
    public double DeclaredBits { get; }

    /// <summary>What the customer's line holds.</summary>
    public double LineBits { get; }

    public bool IsV6 { get; }

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
        var (level, crowds, flow) = (Usual(second) * Step(second) * Chance(second), 1.0, 1.0);
        foreach (var happening in near)
        {
            if (happening.IsOfEverybody && happening.IsActive(second))
            {
                var height = happening.Level(second - happening.Start);
                (crowds, flow) = happening.Name == "restart" ? (crowds, height) : (crowds + ((happening.Factor - 1) * height), flow);
            }
        }

        level = Math.Min(level * crowds, LineBits / _bits) * flow;
        for (var host = 0; host < Hosts && flow > 0; host++)
        {
            foreach (var part in _mixture)
            {
                Sample(Number(host), part.Times(level * _hostShares[host]), second, length, reported);
            }
        }

        foreach (var happening in near)
        {
            if (!happening.IsOfEverybody && happening.IsActive(second) && flow > 0 && happening.Level(second - happening.Start) is > 0 and var height)
            {
                foreach (var part in happening.Parts)
                {
                    foreach (var (host, share) in happening.Targets)
                    {
                        Sample(host, part.Times(height * share), second, length, reported);
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

    private void Sample(int host, Component part, double second, double length, Reported reported)
    {
        var sampled = _random.Poisson(part.PacketsPerSecond * length / Sampling);
        if (sampled > 0)
        {
            var bytes = part.BytesPerPacket * Math.Max(0.3, 1 + (0.4 * _random.Normal() / Math.Sqrt(sampled)));
            _cache.Add(host, part.Kind, part.From, sampled, Math.Clamp(bytes, 40, 1500), second, reported);
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

    /// <summary>A service that is there for a week: how many times the usual there is.</summary>
    public double Step(double second) =>
        1 + ((_step - 1) * Math.Clamp(Math.Min((second - _stepAt) / _stepRise, (_stepAt + (7 * 86_400) + _stepRise - second) / _stepRise), 0, 1));

    private static bool IsHoliday(DateTimeOffset at) => (at.Month, at.Day) is (4, 29) or (5, 3) or (5, 4) or (5, 5) or (5, 6); // 2026

    private double Chance(double second)
    {
        var fade = Math.Exp(-Math.Abs(second - _swingAt) / 600);
        _swing = (_swing * fade) + (Math.Sqrt(1 - (fade * fade)) * 0.08 * _random.Normal());
        _swingAt = second;
        return Math.Exp(_swing + (_jumps * _random.Normal()) - (_jumps * _jumps / 2));
    }

    private double Logarithmic(double least, double most) => Math.Exp(_random.Between(Math.Log(least), Math.Log(most)));

    /// <summary>Contracts have round numbers.</summary>
    private static double RoundUp(double bits)
    {
        var decade = Math.Pow(10, Math.Floor(Math.Log10(bits)));
        return decade * RoundFigures.First(figure => figure * decade >= bits);
    }

    private IEnumerable<WorldEvent> Harmless()
    {
        for (var i = _random.Whole(0, 3); i > 0; i--)
        {
            var (rise, stay) = (Logarithmic(15, 900), _random.Between(600, 3_600));
            var start = _random.Between(0.5, Days - 0.2) * 86_400;
            yield return new("crowd", false, start, start + (2 * rise) + stay, [], [], _random.Between(1.5, 4),
                at => at < rise ? at / rise : at < rise + stay ? 1 : Math.Max(0, 1 - ((at - rise - stay) / rise)));
        }

        if (_step > 1)
        {
            yield return new("moved in", false, _stepAt, _stepAt + _stepRise, [], [], 1, _ => 0); // in itself nothing: the usual is another
            yield return new("moved out", false, _stepAt + (7 * 86_400), _stepAt + (7 * 86_400) + _stepRise, [], [], 1, _ => 0);
        }

        for (var i = Type is "eyeball" or "generic" ? _random.Whole(3, 10) : _random.Whole(0, 3); i > 0; i--)
        {
            yield return Transfer("speed test", _random.Between(0.1, Days - 0.1) * 86_400, _random.Between(10, 30), _random.Between(0.3, 3), Bulk(0.3));
        }

        for (var i = _random.Whole(3, 12); i > 0; i--)
        {
            yield return Transfer("download", _random.Between(0.1, Days - 0.1) * 86_400, _random.Between(60, 1_200), _random.Between(0.2, 1.5), Bulk(0.4));
        }

        for (var i = _random.Whole(0, 4); i > 0; i--)
        {
            var bulk = Bulk(0);
            yield return Transfer(
                "upload",
                _random.Between(0.1, Days - 0.1) * 86_400,
                _random.Between(60, 1_200),
                _random.Between(0.2, 1.5),
                bulk with { Kind = PacketKind.TcpOut },
                bulk with { PacketsPerSecond = bulk.PacketsPerSecond / _random.Between(2, 8), BytesPerPacket = _random.Between(52, 66) });
        }

        if (_random.Unit() < 0.6)
        {
            var (hour, height, bulk) = (_random.Between(0, 5), _random.Between(0.2, 1), Bulk(0.2));
            for (var day = 0; day < Days; day++)
            {
                yield return Transfer("backup", (day * 86_400) + (hour * 3_600) + _random.Between(0, 600), _random.Between(1_200, 5_400), height, bulk);
            }
        }

        for (var i = _random.Whole(1, 4); i > 0; i--)
        {
            var silence = _random.Between(20, 120);
            var start = _random.Between(0.1, Days - 0.1) * 86_400;
            yield return new("restart", false, start, start + silence + 2, [], [], 1, at => at < silence ? 0 : 1.5);
        }

        WorldEvent Transfer(string name, double start, double length, double height, params Component[] parts)
        {
            var (rise, sway, slow) = (Logarithmic(0.5, 10), _random.Between(0, 0.3), _random.Between(5, 60));
            var most = Math.Min(height, 0.95 * LineBits / PeakBits);
            return new(name, false, start, start + length, [(Number(_random.Whole(0, Hosts - 1)), 1)], [.. parts.Select(part => part.Times(most))], most,
                at => Math.Min(1, (at + 0.1) / rise) * (1 - (sway * Math.Pow(Math.Sin(at / slow), 2))));
        }
    }

    /// <summary>A transfer that fills the peak in bits.</summary>
    private Component Bulk(double quic)
    {
        var (isQuic, length) = (_random.Unit() < quic, _random.Between(1_200, 1_400));
        var from = new Origin(
            ++_origins, _random.Unit() < 0.5 ? 1 : _random.Whole(2, 20), _random.Between(0, 1), isQuic ? 443 : WellKnown[_random.Whole(0, WellKnown.Length - 1)], _random.Whole(1_024, 65_535));
        return new(isQuic ? PacketKind.Udp : PacketKind.Tcp, PeakBits / (length * 8), length, from);
    }

    private IEnumerable<WorldEvent> Attacks()
    {
        var start = Logarithmic(0.05, 4) * 86_400;
        while (start < (Days - 0.1) * 86_400)
        {
            var factor = Logarithmic(1.5, 50);
            var parts = Vector();
            if (_random.Unit() < 0.25)
            {
                parts = [.. parts.Select(part => part.Times(0.5)), .. Vector().Select(part => part.Times(0.5))];
            }

            var strain = Math.Max(parts.Sum(part => part.PacketsPerSecond) / PeakPackets, parts.Sum(part => part.BitsPerSecond) / PeakBits);
            parts = [.. parts.Select(part => part.Times(Step(start) * factor / strain))];
            var length = _random.Between(60, 900);
            var (name, targets, level) = Form(length);
            if (name is "steady" && factor >= 5 && length >= 180 && _random.Unit() < 0.15)
            {
                parts = [Bulk(0.3).Times(Step(start) * factor)]; // a flood that looks like a download, but for how much it is and how long
            }

            yield return new(name, true, start, start + length, targets, parts, factor, level);
            start += length + (_random.Between(0.5, 6) * 86_400);
        }
    }

    private (string Name, (int Host, double Share)[] Targets, Func<double, double> Level) Form(double length)
    {
        (int Host, double Share)[] victim = [(Number(_random.Whole(0, Hosts - 1)), 1)];
        switch (_random.Whole(0, 5))
        {
            case 0:
                var rise = Math.Min(Logarithmic(20, 600), 0.75 * length); // it reaches its height
                return ("ramp", victim, at => Math.Min(1, (at + 0.5) / rise));
            case 1:
                var (on, off) = (_random.Between(5, 20), _random.Between(5, 60));
                return ("pulses", victim, at => at % (on + off) < on ? 1 : 0);
            case 2:
                return ("carpet", Carpet(), _ => 1);
            default:
                return ("steady", victim, _ => 1);
        }
    }

    private (int Host, double Share)[] Carpet()
    {
        var length = _random.Whole(23, 28); // 23: all prefixes
        var addresses = length == 23 ? 256 * Prefixes : 256 >> (length - 24);
        var first = length == 23 ? 0 : (256 * _random.Whole(0, Prefixes - 1)) + (addresses * _random.Whole(0, (256 / addresses) - 1));
        var unevenness = _random.Unit() < 0.5 ? 0 : _random.Between(0.3, 1.5); // of the logarithm
        var weights = Enumerable.Range(0, addresses).Select(_ => Math.Exp(unevenness * _random.Normal())).ToArray();
        var whole = weights.Sum();
        return [.. weights.Select((weight, host) => (first + host, weight / whole))];
    }

    private Component[] Vector() => _random.Whole(0, 16) switch
    {
        0 => [new(PacketKind.Udp, 1, _random.Between(64, 1400), Flooders(0.3))],
        1 => [new(PacketKind.DnsAnswer, 0.7, 1300, Reflectors()), new(PacketKind.Fragment, 0.3, 1100, Reflectors())],
        2 => [new(PacketKind.NtpAnswer, 1, 468, Reflectors())],
        3 => [new(PacketKind.CldapAnswer, 1, 1400, Reflectors())],
        4 => [new(PacketKind.SsdpAnswer, 1, 350, Reflectors())],
        5 => [new(PacketKind.MemcachedAnswer, 1, 1400, Reflectors())],
        6 or 7 => [new(PacketKind.Syn, 1, 60, Flooders(0))],
        8 => [new(PacketKind.Tcp, 1, _random.Unit() < 0.5 ? 54 : _random.Between(300, 1460), _random.Unit() < 0.2 ? Reflectors(443) : Flooders(0.1))], // ACK flood, of empty packets or of full ones
        9 => [new(PacketKind.Icmp, 1, _random.Between(84, 1000), Flooders(0))],
        10 => [new(PacketKind.Fragment, 1, _random.Between(200, 1400), Flooders(0))],
        11 => [new(PacketKind.SynAck, 1, 60, Reflectors(443))],
        12 => [new(PacketKind.Rst, 1, 54, Flooders(0))],
        13 => [new(PacketKind.TcpNull, 1, _random.Between(54, 500), Flooders(0))],
        14 => [new(PacketKind.TcpOdd, 1, _random.Between(40, 60), Flooders(0))],
        15 => [new(PacketKind.OtherAnswer, 1, _random.Between(300, 1400), Reflectors())],
        _ => [new(_random.Unit() < 0.5 ? PacketKind.Gre : PacketKind.Other, 1, _random.Between(60, 1400), Flooders(0))],
    };

    /// <param name="fixedPort">How many of the tools use one odd port.</param>
    private Origin Flooders(double fixedPort) => new(
        ++_origins,
        _random.Unit() < 0.3 ? Origin.Spoofed : (int)Logarithmic(1, 5_000),
        _random.Between(0, 1),
        _random.Unit() < fixedPort ? _random.Whole(10_000, 65_535) : 0,
        _random.Unit() < 0.5 ? 443 : 0);

    /// <param name="port">0: the kind's; of an ordinary service they are many, because few are somebody's transfer.</param>
    private Origin Reflectors(int port = 0) => new(++_origins, (int)Logarithmic(port == 0 ? 10 : 500, 20_000), _random.Between(0, 1), port, _random.Whole(1_024, 65_535));
}
