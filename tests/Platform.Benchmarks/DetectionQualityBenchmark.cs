using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Platform.Benchmarks.DetectionQuality;

namespace Platform.Benchmarks;

/// <summary>
/// How many attacks are found, how soon, and how often something harmless is called an attack: 28 days of many objects, labelled and from a seed, for our
/// detector and two simple ones in the same run. The world is described at <see cref="TrafficWorld"/>.
/// <c>bench detection-quality [--seed N] [--objects N] [--from N] [--calm N] [--misses]</c>
/// </summary>
/// <remarks>
/// Everything that happens is played second by second, attacks in tenths. Of the hours in which nothing begins or ends one second in <c>--calm</c> is
/// played (default 30, in runs of twenty seconds: six an hour); a false anomaly in such a second counts that many times, because the seconds between would have
/// had their own.
/// </remarks>
internal static class DetectionQualityBenchmark
{
    private const int CalmRun = 20;
    private const double Grace = 60; // an anomaly so soon after an attack belongs to it

    public static Task<object> Run(string[] arguments)
    {
        var seed = Arguments.Number(arguments, "--seed", 1);
        var objects = Arguments.Number(arguments, "--objects", 200);
        var calm = Arguments.Number(arguments, "--calm", 30);
        var from = Arguments.Number(arguments, "--from", 0); // the number of the first object
        var outcomes = new ConcurrentBag<Outcome>();
        var watch = Stopwatch.StartNew();
        Parallel.For(from, from + objects, number =>
        {
            outcomes.Add(Play(seed, number, calm, arguments.Contains("--misses")));
            TellProgress(outcomes, objects, watch.Elapsed);
        });

        var figures = new Dictionary<string, object>
        {
            ["seed"] = seed,
            ["objects"] = objects,
            ["attacks"] = outcomes.Sum(outcome => outcome.Attacks.Count),
            ["attacks_3x"] = outcomes.Sum(outcome => outcome.Attacks.Count(attack => attack.Factor >= 3)), // so that runs of several slices of objects can be added
        };
        foreach (var (name, detector) in (IEnumerable<(string, int)>)[("", 0), ("fixed_", 1), ("sigma_", 2)])
        {
            var attacks = outcomes.SelectMany(outcome => outcome.Attacks.Select(attack => (attack.Factor, After: attack.FoundAfter[detector]))).ToArray();
            var found = attacks.Where(attack => attack.After is not null).Select(attack => attack.After!.Value).Order().ToArray();
            figures[$"{name}recall_3x"] = Recall(attacks, 3, double.MaxValue);
            figures[$"{name}recall_1_5x"] = Recall(attacks, 1.5, double.MaxValue);
            figures[$"{name}recall_1_5x_to_3x"] = Recall(attacks, 1.5, 3);
            figures[$"{name}false_per_object_month"] = Math.Round(outcomes.Sum(outcome => outcome.False[detector]) / objects * 30 / TrafficWorld.Days, 4);
            figures[$"{name}detect_median_s"] = found.Length == 0 ? -1 : Math.Round(found[found.Length / 2], 2);
            figures[$"{name}detect_p90_s"] = found.Length == 0 ? -1 : Math.Round(found[found.Length * 9 / 10], 2);
        }

        var told = outcomes.SelectMany(outcome => outcome.Attacks).Where(attack => attack.Announced > 0).ToArray();
        figures["anomalies_per_found_attack"] = Math.Round(told.Sum(attack => attack.Announced) / Math.Max(1.0, told.Length), 3);
        figures["ended_within_5_min"] = Math.Round(told.Count(attack => attack.EndedAfter <= 300) / Math.Max(1.0, told.Length), 4);
        figures["ended_after_an_hour"] = told.Count(attack => attack.EndedAfter > 3_600);
        return Task.FromResult<object>(figures);
    }

    private static void TellProgress(ConcurrentBag<Outcome> outcomes, int objects, TimeSpan elapsed)
    {
        Outcome[] done = [.. outcomes];
        var attacks = done.SelectMany(outcome => outcome.Attacks).Count();
        var missed = done.SelectMany(outcome => outcome.Attacks).Count(attack => attack.FoundAfter[0] is null);
        var left = elapsed * ((objects - done.Length) / (double)done.Length);
        Console.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{done.Length} of {objects} objects: {attacks} attacks, {missed} missed, {done.Sum(outcome => outcome.False[0]):0} false; about {left.TotalMinutes:0} min to go"));
    }

    private static double Recall((double Factor, double? After)[] attacks, double least, double below)
    {
        var counted = attacks.Where(attack => attack.Factor >= least && attack.Factor < below).ToArray();
        return counted.Length == 0 ? 1 : Math.Round((double)counted.Count(attack => attack.After is not null) / counted.Length, 4);
    }

    private static Outcome Play(int seed, int number, int calm, bool tells)
    {
        var world = new TrafficWorld(seed, number);
        var ours = new OurDetector(world);
        SimpleDetector[] simple = [new FixedThresholds(), new MeanPlusThreeSigma()];
        var (second, begun) = (0.0, 0.0); // of the run that is played
        while (second < TrafficWorld.Seconds)
        {
            var near = world.Near(second);
            PlaySecond(world, near, ours, simple, second, (long)begun);
            second++;
            if ((long)second % CalmRun == 0 && !IsEventful(near, second - 1))
            {
                var next = world.Events.Select(Eventful).Where(begin => begin >= second).DefaultIfEmpty(double.MaxValue).Min();
                var until = Math.Min(second + ((calm - 1) * CalmRun), Math.Max(second, Math.Floor(next)));
                if (until > second)
                {
                    world.Flush(second, Add(ours, (long)begun));
                    ours.Send(second);
                    ours.Rest(until);
                    world.Warm(second, until);
                    (second, begun) = (until, until);
                }
            }
        }

        var attacks = world.Events.Where(happening => happening.IsAttack).ToArray();
        IReadOnlyList<Alarm>[] alarms = [ours.Alarms, simple[0].Alarms, simple[1].Alarms];
        IReadOnlyList<Alarm>[] told = [[.. ours.Alarms, .. ours.Widened], simple[0].Alarms, simple[1].Alarms];
        var outcome = new Outcome(
            [.. attacks.Select(attack => new Played(attack.Factor, [.. told.Select(all => FoundAfter(attack, all, world.Timeout))], Told(attack, ours).Announced, Told(attack, ours).EndedAfter))],
            [.. alarms.Select(all => all.Where(alarm => !attacks.Any(attack => Belongs(alarm, attack)))
                .Sum(alarm => IsEventful(world.Events, alarm.At - 1) ? 1.0 : calm))]);
        if (tells)
        {
            Tell(world, number, ours, attacks, outcome);
        }

        return outcome;
    }

    private static void PlaySecond(
        TrafficWorld world, IReadOnlyList<WorldEvent> near, OurDetector ours, SimpleDetector[] simple, double second, long begun)
    {
        var parts = near.Any(happening => happening.IsAttack && happening.IsActive(second) && second - happening.Start < 60) ? 10 : 1;
        var values = new double[5];
        var add = Add(ours, begun);
        for (var part = 0; part < parts; part++)
        {
            var (from, length) = (second + ((double)part / parts), 1.0 / parts);
            var isThere = world.Report(near, from, length, (host, kind, source, packets, bytes, at) =>
            {
                add(host, kind, source, packets, bytes, at);
                if (kind is PacketKind.TcpOut)
                {
                    return; // the simple ones look at what comes in
                }

                values[0] += packets;
                values[1] += packets * bytes * 8;
                values[2] += kind.Protocol() is 17 ? packets : 0;
                values[3] += kind is PacketKind.Icmp ? packets : 0;
                values[4] += kind is PacketKind.Syn ? packets : 0;
            });
            if (isThere)
            {
                ours.Send(from + length);
            }
            else
            {
                ours.Rest(from + length);
            }
        }

        foreach (var detector in simple)
        {
            detector.Look(second + 1, values);
        }
    }

    /// <summary>Seconds before the run are known in part only: nobody is told of them.</summary>
    private static Reported Add(OurDetector ours, long begun) => (host, kind, source, packets, bytes, second) =>
    {
        if (second >= begun)
        {
            ours.Add(host, kind, source, packets, bytes, second);
        }
    };

    /// <summary>Long harmless transfers are played in full where they begin and end.</summary>
    private static bool IsEventful(IReadOnlyList<WorldEvent> near, double second)
    {
        foreach (var happening in near)
        {
            if (second >= Eventful(happening) && second < happening.End + TrafficWorld.Aftermath)
            {
                var isLong = happening.Name is "backup" or "download";
                if (!isLong || second < happening.Start + 120 || second > happening.End - 30)
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static double Eventful(WorldEvent happening) => Math.Floor(happening.Start) - TrafficWorld.Foretime;

    /// <summary>What a router keeps of an attack comes when it is over, and counts.</summary>
    private static double? FoundAfter(WorldEvent attack, IReadOnlyList<Alarm> alarms, int timeout) => alarms
        .Where(alarm => alarm.At > attack.Start && alarm.At <= attack.End + timeout + 5 && Names(alarm, attack))
        .Select(alarm => (double?)Math.Max(0, alarm.At - attack.Start)).Min();

    private static bool Belongs(Alarm alarm, WorldEvent attack) =>
        alarm.At > attack.Start && alarm.At <= attack.End + Grace && Touches(alarm, attack);

    /// <summary>
    /// Of an attack on a host one that holds it; of a carpet most of it, in the blocks that are named: one of its hosts, or another part, is a wrong name.
    /// </summary>
    private static bool Names(Alarm alarm, WorldEvent attack) =>
        alarm.Hosts is not { } hosts || attack.ShareOf(hosts) >= (attack.IsCarpet ? 0.5 : 1);

    /// <summary>
    /// An address of a carpet that gets three times as much as they do in the middle, or by itself as much as the smallest attack, is attacked by itself too: it is no
    /// wrong name, but the rest is not found by it.
    /// </summary>
    private static bool Touches(Alarm alarm, WorldEvent attack) =>
        Names(alarm, attack)
        || (alarm.Hosts is { } hosts
            && (attack.ShareOf(hosts) >= 3.0 * (hosts.Last - hosts.First + 1) / Math.Min(256, attack.Targets.Count)
                || attack.Targets.Where(target => target.Host >= hosts.First && target.Host <= hosts.Last).Sum(target => target.Share) * attack.Factor >= 1.5));

    private static void Tell(TrafficWorld world, int number, OurDetector ours, WorldEvent[] attacks, Outcome outcome)
    {
        var lines = new List<string>();
        foreach (var (attack, played) in attacks.Zip(outcome.Attacks).Where(pair => pair.Second.FoundAfter[0] is null))
        {
            lines.Add(Line($"{number} {world.Type} 1:{world.Sampling} {world.Timeout} s {world.PeakPackets:0} p/s declared x{world.DeclaredBits / world.PeakBits:0.0} MISSED {attack.Describe()} day {attack.Start / 86400:0.00} for {attack.End - attack.Start:0} s [{string.Join(", ", world.Events.Where(other => other != attack && other.Start < attack.End && other.End > attack.Start).Select(other => Line($"{other.Describe()} {other.Start - attack.Start:0} to {other.End - attack.Start:0} s")))}]; about {Enumerable.Range(0, (int)(attack.End - attack.Start)).Sum(second => attack.Level(second)) * attack.Parts.Sum(part => part.PacketsPerSecond) / world.Sampling:0} packets sampled"));
        }

        foreach (var (attack, (announced, after)) in attacks.Select(attack => (attack, Told(attack, ours))).Where(told => told.Item2 is { Announced: > 0, EndedAfter: > 3_600 }))
        {
            lines.Add(Line($"{number} {world.Type} 1:{world.Sampling} {world.PeakPackets:0} p/s LATE END {attack.Describe()} day {attack.Start / 86400:0.00}, {after:0} s late, {announced} anomalies"));
        }

        foreach (var (alarm, detected) in ours.Alarms.Zip(ours.Detected).Where(pair => !attacks.Any(attack => Belongs(pair.First, attack))))
        {
            var harmless = world.Events.Where(happening => alarm.At > happening.Start && alarm.At < happening.End + TrafficWorld.Aftermath)
                .Select(happening => Line($"{happening.Describe()}, begun {alarm.At - happening.Start:0} s before{(alarm.At > happening.End ? Line($", over for {alarm.At - happening.End:0} s") : "")}"));
            lines.Add(Line($"{number} {world.Type} 1:{world.Sampling} {world.Timeout} s {world.PeakPackets:0} p/s declared x{world.DeclaredBits / world.PeakBits:0.0} FALSE day {alarm.At / 86400:0.00} usual x{world.Step(alarm.At):0.0} {(IsEventful(world.Events, alarm.At - 1) ? "eventful" : "CALM")} [{string.Join(", ", harmless)}] {detected.Subject.Level} {detected.Subject.Target} {alarm.Hosts} {string.Join(" ", (detected.Prefixes ?? []).Select(x => x.Prefix))} {detected.Explanation!.Sentence}"));
        }

        if (lines.Count > 0)
        {
            Console.WriteLine(string.Join('\n', lines));
        }
    }

    private static string Line(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>Our anomalies of one attack: how many, and how long after it the last of them ended; infinity: it did not.</summary>
    private static (int Announced, double EndedAfter) Told(WorldEvent attack, OurDetector ours)
    {
        var ends = ours.Alarms.Zip(ours.Detected).Where(pair => Belongs(pair.First, attack))
            .Select(pair => ours.Ended.TryGetValue(pair.Second.Subject.AnomalyId, out var end) ? end : double.PositiveInfinity).ToArray();
        return (ends.Length, ends.Length == 0 ? 0 : Math.Max(0, ends.Max() - attack.End));
    }

    private sealed record Played(double Factor, double?[] FoundAfter, int Announced, double EndedAfter);

    private sealed record Outcome(IReadOnlyList<Played> Attacks, double[] False);
}
