using System.Diagnostics;
using System.Globalization;
using MassTransit;
using Npgsql;
using Platform.Contracts.Accounts.V1;
using Platform.Contracts.Detection.V1;
using Platform.Testing;

namespace Platform.Local.Chaos;

/// <summary>
/// kill -9 of mitigation, GoBGP, RabbitMQ and PostgreSQL at random moments, while attacks begin and end. Afterwards the router must hold exactly what
/// still has to stand, and each stream must tell why.
/// </summary>
/// <remarks>The same seed gives the same kills of the same servers between the same attacks; what it meets in them differs with the machine.</remarks>
public sealed class MitigationChaos(int seed, int kills, int attacks, Action<string> say)
{
    private static readonly Guid Tenant = Guid.Parse("0190aaaa-0000-7000-8000-000000000001");
    private static readonly string[] Servers = ["mitigation", "speaker", "rabbitmq", "postgres"];
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly Random _random = new(seed);
    private readonly Dictionary<string, int> _killed = Servers.ToDictionary(server => server, _ => 0);

    public async Task<ChaosResult> Run()
    {
        using var folder = new TemporaryFolder("chaos");
        await using var stack = await LocalStack.Start(new()
        {
            Folder = folder.FullName,
            Services = new HashSet<string> { "mitigation" },
            Settings = new Dictionary<string, IReadOnlyDictionary<string, string?>>
            {
                ["mitigation"] = new Dictionary<string, string?>
                {
                    ["Mitigations__Hold"] = "00:00:02",
                    ["Mitigations__MaxCountermeasuresPerTenant"] = "500",
                },
            },
        });
        await using var facts = await Facts.Connect(stack);
        await facts.Publish(Contract);

        var plan = Enumerable.Range(0, attacks).Select(Plan).ToList();
        var clock = Stopwatch.StartNew();
        var told = plan.Select(attack => Tell(facts, attack)).ToList();
        await Kill(stack, plan);
        await Task.WhenAll(told);
        var settling = Stopwatch.StartNew();
        say(Line($"{kills} kills in {clock.Elapsed.TotalSeconds:0} s: {string.Join(", ", _killed.Select(it => $"{it.Key} {it.Value}"))}"));

        var standing = plan.Where(attack => attack.EndsAtKill is null).ToList();
        var untold = await Untold(stack, plan.ToDictionary(attack => attack, attack => attack.EndsAtKill is null)); // all was heard
        var (tooMany, tooFew) = await Differences(stack, standing);
        var settled = settling.Elapsed;
        say(Line($"{standing.Count} attacks go on; {tooMany.Count} routes too many, {tooFew.Count} too few after {settled.TotalSeconds:0.0} s more"));

        await Task.WhenAll(standing.Select(attack => facts.Publish(attack.End)));
        untold = [.. untold, .. await Untold(stack, plan.ToDictionary(attack => attack, _ => false))];
        var (left, _) = await Differences(stack, []);
        say(Line($"all attacks over: {left.Count} routes left, {untold.Count} streams that do not tell why"));
        return new ChaosResult(
            seed, kills, _killed, attacks, Math.Round(clock.Elapsed.TotalSeconds, 1), Math.Round(settled.TotalSeconds, 1), [.. tooMany, .. left], tooFew, untold);
    }

    /// <summary>When it begins and whether it ends, by kills that were done; by turns answered with a rule and with a blackhole.</summary>
    private Attack Plan(int number)
    {
        var begin = _random.Next(Math.Max(1, kills * 3 / 4));
        var end = _random.Next(5) < 3 ? _random.Next(begin + 1, kills + 1) : (int?)null;
        return new Attack(number, new Guid(seed, (short)number, 7, [8, 0, 0, 0, 0, 0, 0, 1]), begin, end);
    }

    private static async Task Tell(Facts facts, Attack attack)
    {
        await attack.Begins.Task;
        await facts.Publish(attack.Begin);
        if (attack.EndsAtKill is not null)
        {
            await attack.Ends.Task;
            await facts.Publish(attack.End);
        }
    }

    /// <summary>At most two servers are down at once; each comes back a moment after it was killed, whatever the others do.</summary>
    private async Task Kill(LocalStack stack, IReadOnlyList<Attack> plan)
    {
        using var over = new CancellationTokenSource();
        var returning = new Dictionary<string, Task>();
        for (var kill = 0; kill < kills; kill++)
        {
            foreach (var attack in plan)
            {
                attack.Pass(kill);
            }

            while (returning.Values.Count(task => !task.IsCompleted) > 1)
            {
                await Task.WhenAny(returning.Values.Where(task => !task.IsCompleted));
            }

            var up = Servers.Where(server => !returning.TryGetValue(server, out var task) || task.IsCompleted).ToArray();
            var victim = up[_random.Next(up.Length)];
            await Task.Delay(_random.Next(100, 1_200));
            _killed[victim]++;
            returning[victim] = KillAndReturn(stack, victim, TimeSpan.FromMilliseconds(_random.Next(0, 1_000)));
        }

        await Task.WhenAll(returning.Values);
        foreach (var attack in plan)
        {
            attack.Pass(kills);
        }

        await stack.Services["mitigation"].Ready(Patience);
    }

    private static async Task KillAndReturn(LocalStack stack, string server, TimeSpan away)
    {
        switch (server)
        {
            case "speaker":
                await stack.Speaker.Kill();
                await Task.Delay(away);
                await stack.Speaker.Start();
                break;
            case "rabbitmq":
                await stack.RabbitMq.Kill();
                await Task.Delay(away);
                await stack.RabbitMq.Start();
                break;
            case "postgres":
                await stack.Postgres.Kill();
                await Task.Delay(away);
                await stack.Postgres.Start();
                break;
            default:
                var mitigation = stack.Services["mitigation"];
                await mitigation.Kill();
                await Task.Delay(away);
                mitigation.Start(); // while the others are away too: it waits for them
                break;
        }
    }

    /// <summary>What the router holds beside, and lacks of, what has to stand; watched until there is no difference or patience ends.</summary>
    private static async Task<(IReadOnlyList<string> TooMany, IReadOnlyList<string> TooFew)> Differences(LocalStack stack, IReadOnlyList<Attack> standing)
    {
        var wanted = standing.Select(attack => attack.Route).Order(StringComparer.Ordinal).ToList();
        var since = Stopwatch.StartNew();
        while (true)
        {
            var held = (await stack.Router.Routes()).Select(route => route.Prefix)
                .Concat((await stack.Router.Rules()).Select(rule => $"rule {rule}")).Order(StringComparer.Ordinal).ToList();
            if (held.SequenceEqual(wanted) || since.Elapsed > Patience)
            {
                return (Beyond(held, wanted), Beyond(wanted, held));
            }

            await Task.Delay(200);
        }
    }

    /// <summary>What the first holds beyond the second, each as often as it does: the same route twice is one too many.</summary>
    private static IReadOnlyList<string> Beyond(List<string> these, List<string> those)
    {
        var left = those.ToList();
        return [.. these.Where(it => !left.Remove(it))];
    }

    /// <summary>Streams that do not hold the whole story, each part once: begun, in force, and where it is over, asked to go, gone, ended.</summary>
    private static async Task<IReadOnlyList<string>> Untold(LocalStack stack, Dictionary<Attack, bool> attacks)
    {
        var since = Stopwatch.StartNew();
        while (true)
        {
            var streams = await Streams(stack);
            var untold = attacks
                .Where(it => !IsTold(streams.GetValueOrDefault(it.Key.AnomalyId, []), standing: it.Value))
                .Select(it => $"{it.Key.Target}: {string.Join(' ', streams.GetValueOrDefault(it.Key.AnomalyId, []))}")
                .ToList();
            if (untold.Count == 0 || since.Elapsed > Patience)
            {
                return untold;
            }

            await Task.Delay(200);
        }
    }

    private static bool IsTold(IReadOnlyList<string> stream, bool standing)
    {
        if (stream.Contains("mitigation_started") && stream is not ["anomaly_end_noted", ..])
        {
            string[] once = standing
                ? ["mitigation_started", "countermeasure_requested", "countermeasure_announced"]
                : ["mitigation_started", "countermeasure_requested", "anomaly_end_noted", "withdrawal_requested", "countermeasure_withdrawn", "mitigation_ended"];
            return once.All(type => stream.Count(it => it == type) == 1)
                && stream.Count(it => it == "countermeasure_announced") <= 1
                && (!standing || !stream.Contains("withdrawal_requested"));
        }

        return !standing && stream is ["anomaly_end_noted"]; // the end was heard first: there was nothing left to defend
    }

    private static async Task<Dictionary<Guid, IReadOnlyList<string>>> Streams(LocalStack stack)
    {
        var database = new NpgsqlConnectionStringBuilder(stack.Postgres.ConnectionString) { Database = "mitigation" };
        await using var connection = new NpgsqlConnection(database.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            """
            select b.anomaly::uuid, array_agg(e.type order by e.version)
            from (select stream_id, coalesce(data->>'AnomalyId', data->'Scope'->>'AnomalyId') as anomaly from events.mt_events where version = 1) b
            join events.mt_events e using (stream_id)
            where b.anomaly is not null
            group by 1
            """,
            connection);
        await using var rows = await command.ExecuteReaderAsync();
        var streams = new Dictionary<Guid, IReadOnlyList<string>>();
        while (await rows.ReadAsync())
        {
            streams[rows.GetGuid(0)] = rows.GetFieldValue<string[]>(1);
        }

        return streams;
    }

    private static ContractSigned Contract { get; } = new()
    {
        TenantId = Tenant,
        ContractId = Tenant,
        ServiceCode = "DP00000001",
        Service = "ddos",
        Prefixes = ["203.0.113.0/24"],
        DeclaredBitsPerSecond = 1_000_000_000,
        Version = 1,
        SignedAt = DateTimeOffset.UnixEpoch,
    };

    private static string Line(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <param name="BeginsAtKill">After how many kills it begins.</param>
    /// <param name="EndsAtKill">After how many kills it ends; null: it goes on.</param>
    private sealed record Attack(int Number, Guid AnomalyId, int BeginsAtKill, int? EndsAtKill)
    {
        public TaskCompletionSource Begins { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Ends { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public string Target => string.Create(CultureInfo.InvariantCulture, $"203.0.113.{1 + Number}/32");

        /// <summary>As the router shows it.</summary>
        public string Route => IsNarrow ? $"rule [destination: {Target}][protocol: ==udp][source-port: ==123]" : Target;

        private bool IsNarrow => Number % 2 == 0;

        public AnomalyDetected Begin => new()
        {
            TenantId = Tenant,
            ServiceCode = Contract.ServiceCode,
            ObjectId = Tenant,
            AnomalyId = AnomalyId,
            Target = Target,
            Vectors = IsNarrow ? [new VectorRate { Vector = "ntp", BitsPerSecond = 80_000_000, PacketsPerSecond = 20_000 }] : [],
            BitsPerSecond = 80_000_000,
            PacketsPerSecond = 20_000,
            Since = DateTimeOffset.UnixEpoch,
            DetectedAt = DateTimeOffset.UnixEpoch,
        };

        public AnomalyEnded End => new()
        {
            TenantId = Tenant,
            ServiceCode = Contract.ServiceCode,
            ObjectId = Tenant,
            AnomalyId = AnomalyId,
            Target = Target,
            PeakBitsPerSecond = 80_000_000,
            PeakPacketsPerSecond = 20_000,
            Reason = "subsided",
            Until = DateTimeOffset.UnixEpoch,
            EndedAt = DateTimeOffset.UnixEpoch,
        };

        public void Pass(int kill)
        {
            if (kill >= BeginsAtKill)
            {
                Begins.TrySetResult();
            }

            if (kill >= EndsAtKill)
            {
                Ends.TrySetResult();
            }
        }
    }

    /// <summary>Accounts and detection: a fact is published until the broker has confirmed it, as their relays do.</summary>
    private sealed class Facts(IBusControl bus) : IAsyncDisposable
    {
        public static async Task<Facts> Connect(LocalStack stack)
        {
            var bus = Bus.Factory.CreateUsingRabbitMq(rabbit => rabbit.Host(stack.RabbitMq.Host, (ushort)stack.RabbitMq.Port, LocalStack.VirtualHost, host =>
            {
                host.Username(stack.RabbitMq.User);
                host.Password(stack.RabbitMq.Password);
                host.PublisherConfirmation = true;
            }));
            await bus.StartAsync();
            return new Facts(bus);
        }

        public async Task Publish<T>(T fact)
            where T : class
        {
            var id = Guid.CreateVersion7(TimeProvider.System.GetUtcNow());
            while (true)
            {
                using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5));
                try
                {
                    await bus.Publish(fact, context => context.MessageId = id, patience.Token);
                    return;
                }
                catch (Exception away) when (away is not OutOfMemoryException)
                {
                    await Task.Delay(200, CancellationToken.None);
                }
            }
        }

        public async ValueTask DisposeAsync() => await bus.StopAsync();
    }
}

/// <summary>What was left after the chaos.</summary>
/// <param name="Seed">Of the kills and attacks.</param>
/// <param name="Kills">In all.</param>
/// <param name="KillsByServer">Of each.</param>
/// <param name="Attacks">In all.</param>
/// <param name="Seconds">Of the whole run.</param>
/// <param name="SettledAfterSeconds">From the last return until the router was right.</param>
/// <param name="RoutesTooMany">Routes and rules that nobody wanted.</param>
/// <param name="RoutesTooFew">Routes and rules that were missing.</param>
/// <param name="StreamsUntold">Streams that do not tell the whole story.</param>
public sealed record ChaosResult(
    int Seed,
    int Kills,
    IReadOnlyDictionary<string, int> KillsByServer,
    int Attacks,
    double Seconds,
    double SettledAfterSeconds,
    IReadOnlyList<string> RoutesTooMany,
    IReadOnlyList<string> RoutesTooFew,
    IReadOnlyList<string> StreamsUntold)
{
    public bool IsRight => RoutesTooMany.Count + RoutesTooFew.Count + StreamsUntold.Count == 0;
}
