using System.Diagnostics;
using System.Globalization;
using Grpc.Core;
using Grpc.Net.Client;
using MassTransit;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;

namespace Platform.Local.Chaos;

/// <summary>
/// kill -9 of mitigation, two GoBGP, a scrubber's agent, RabbitMQ and PostgreSQL at random moments, while attacks begin, grow and end, and the kill switch is
/// turned and released. Afterwards router, second speaker and scrubber must hold exactly what still has to stand, and each stream must tell why.
/// </summary>
/// <remarks>The same seed gives the same kills of the same servers between the same attacks; what it meets in them differs with the machine.</remarks>
public sealed class MitigationChaos(int seed, int kills, int attacks, Action<string> say)
{
    /// <summary>Until all is right after the last return, and until an order of the operator is taken during the kills.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60), OperatorsPatience = TimeSpan.FromMinutes(3);

    /// <summary>When what is still wrong is told, and how often then.</summary>
    private static readonly TimeSpan FirstWord = TimeSpan.FromSeconds(20), NextWord = TimeSpan.FromSeconds(10);

    private readonly Random _random = new(seed);
    private readonly Dictionary<string, int> _killed = [];

    public async Task<ChaosResult> Run()
    {
        using var folder = new TemporaryFolder("chaos");

        // Nobody is its neighbour: its own table is looked at.
        await using var second = new GoBgpServer(new() { Asn = 64500, RouterId = "192.0.2.3", Address = "127.0.0.4" });
        await second.Start();
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
                    ["Bgp__Speakers__0__DiversionNextHopIPv4"] = "192.0.2.9",
                    ["Bgp__Speakers__1__Name"] = ChaosStories.Speakers[1],
                    ["Bgp__Speakers__1__Address"] = second.Api.ToString(),
                    ["Bgp__Speakers__1__FlowSpec"] = "true",
                    ["Bgp__Speakers__1__DiversionNextHopIPv4"] = "192.0.2.9",
                    ["Scrubbers__Agents__0__Name"] = ChaosStories.Agents[0],
                    ["Scrubbers__Agents__0__Token"] = ChaosAgent.Token,
                },
            },
        });
        await using var agent = await Agent(stack);
        await using var facts = await Facts.Connect(stack);
        using var controller = new Controller(stack);
        await facts.Publish(ChaosAttack.Contract);
        await controller.Defend(ChaosAttack.ScrubbedObject, new DefenseStep { Kind = "scrubbing", PatienceSeconds = 3600 });
        await controller.Defend(ChaosAttack.MildObject, new DefenseStep { Kind = "blackhole", PatienceSeconds = 3600, FromSeverity = "high" });

        var network = new Network(stack, second, agent);
        var plan = Enumerable.Range(0, attacks).Select(number => Plan(number, agent is not null)).ToList();
        var clock = Stopwatch.StartNew();
        var told = plan.Select(attack => Tell(facts, attack)).ToList();
        var settling = await Kill(network, plan, controller);
        await Task.WhenAll(told);
        say(Line($"{kills} kills in {clock.Elapsed.TotalSeconds:0} s: {string.Join(", ", _killed.Select(it => $"{it.Key} {it.Value}"))}"));

        var goesOn = plan.Where(attack => attack.EndsAtKill is null).ToList();
        var (stories, untold) = await Untold(stack, plan, attack => attack.EndsAtKill is not null); // all was heard
        var differences = await Differences(network, goesOn);
        var settled = settling.Elapsed;
        var resumed = plan.Count(stories.IsResumed);
        foreach (var wrong in untold)
        {
            say(wrong);
        }

        say(Line($"{goesOn.Count} attacks are defended; the defence of {resumed} began anew after the kill switch; {differences} after {settled.TotalSeconds:0.0} s more"));

        await Task.WhenAll(goesOn.Select(attack => facts.Publish(attack.End)));
        var (_, untoldAfterwards) = await Untold(stack, plan, _ => true);
        var left = await Differences(network, []);
        say(Line($"all attacks over: {left}, {untold.Count + untoldAfterwards.Count} streams that do not tell why"));
        return new ChaosResult(
            seed,
            kills,
            _killed,
            attacks,
            Enumerable.Range(0, kills).Max(done => plan.Count(attack => attack.BeginsAtKill <= done && !(attack.EndsAtKill <= done))),
            Math.Round(clock.Elapsed.TotalSeconds, 1),
            Math.Round(settled.TotalSeconds, 1),
            resumed,
            [.. differences.RoutesTooMany, .. left.RoutesTooMany],
            differences.RoutesTooFew,
            [.. differences.FiltersTooMany, .. left.FiltersTooMany],
            differences.FiltersTooFew,
            [.. untold, .. untoldAfterwards]);
    }

    /// <summary>When it begins, whether it grows and ends, by kills that were done; by turns of each kind.</summary>
    private ChaosAttack Plan(int number, bool hasScrubber)
    {
        var begin = _random.Next(Math.Max(1, kills * 3 / 4));
        var end = _random.Next(5) < 3 ? _random.Next(begin + 1, kills + 1) : (int?)null;
        var (grow, grows, inOutage) = (_random.Next(begin, (end ?? kills) + 1), _random.Next(3) < 2, _random.Next(2) == 0);
        var kind = (ChaosKind)(number % 4);
        kind = kind is ChaosKind.Scrubbed && !hasScrubber ? ChaosKind.Narrow : kind;
        return new ChaosAttack(
            number,
            new Guid(seed, (short)number, 7, [8, 0, 0, 0, 0, 0, 0, 1]),
            kind,
            begin,
            kind is ChaosKind.Mild || (grows && kind is not ChaosKind.Broad) ? grow : null,
            end,
            inOutage);
    }

    private static async Task Tell(Facts facts, ChaosAttack attack)
    {
        await attack.Begins.Task;
        await facts.Publish(attack.Begin);
        if (attack.GrowsAtKill is not null)
        {
            await attack.Grows.Task;
            await facts.Publish(attack.Growth);
        }

        if (attack.EndsAtKill is not null)
        {
            await attack.Ends.Task;
            await facts.Publish(attack.End);
        }
    }

    /// <summary>
    /// At most two servers are down at once; each comes back a moment after it was killed, whatever the others do. After one kill in
    /// five, by lot, the next waits until all work again: without that mitigation, which starts slowest, would hear of most attacks at the end only. When two of
    /// five are done the kill switch is turned, and released a few later, when all that stood was taken by it: else the release would be quicker than what it has to bring back. The clock runs
    /// since the last return.
    /// </summary>
    private async Task<Stopwatch> Kill(Network network, IReadOnlyList<ChaosAttack> plan, Controller controller)
    {
        var (engageAt, releaseAt) = (kills * 2 / 5, (kills * 2 / 5) + Math.Max(1, kills / 20));
        var turned = Task.CompletedTask;
        var returning = new Dictionary<string, Task>();
        for (var kill = 0; kill < kills; kill++)
        {
            if (kill == engageAt || kill == releaseAt)
            {
                var (before, engage) = (turned, kill == engageAt);
                turned = Turn();

                async Task Turn()
                {
                    await before;
                    if (!engage)
                    {
                        await NothingStands(network.Stack, plan);
                    }

                    await controller.TurnKillSwitch(engage);
                }
            }

            Pass(kill, isAway: false);
            while (returning.Values.Count(task => !task.IsCompleted) > 1)
            {
                await Task.WhenAny(returning.Values.Where(task => !task.IsCompleted));
            }

            var up = network.Servers.Where(server => !returning.TryGetValue(server, out var task) || task.IsCompleted).ToArray();
            var victim = up[_random.Next(up.Length)];
            await Task.Delay(_random.Next(100, 1_200));
            _killed[victim] = _killed.GetValueOrDefault(victim) + 1;
            returning[victim] = KillAndReturn(victim, kill, TimeSpan.FromMilliseconds(_random.Next(0, 1_000)));
            if (_random.Next(5) == 0)
            {
                await Task.WhenAll(returning.Values);
                await network.Stack.Services["mitigation"].Ready(OperatorsPatience);
            }
        }

        await Task.WhenAll(returning.Values);
        var since = Stopwatch.StartNew();
        Pass(kills, isAway: false);
        Pass(kills, isAway: true);
        await turned;
        await network.Stack.Services["mitigation"].Ready(OperatorsPatience);
        return since;

        async Task KillAndReturn(string server, int kill, TimeSpan away)
        {
            await network.Kill(server);
            Pass(kill, isAway: true);
            await Task.Delay(away);
            await network.Return(server); // while the others are away too: it waits for them
        }

        void Pass(int done, bool isAway)
        {
            foreach (var attack in plan)
            {
                attack.Pass(done, isAway);
            }
        }
    }

    private static async Task NothingStands(LocalStack stack, IReadOnlyList<ChaosAttack> plan)
    {
        for (var since = Stopwatch.StartNew(); since.Elapsed < OperatorsPatience; await Task.Delay(200))
        {
            try
            {
                var stories = await ChaosStories.Read(Database(stack));
                if (!plan.Any(stories.Stands))
                {
                    return;
                }
            }
            catch (NpgsqlException)
            {
                // The database is away.
            }
        }
    }

    /// <summary>Each look with a connection of its own: a kept one ends with its server.</summary>
    private static string Database(LocalStack stack) =>
        new NpgsqlConnectionStringBuilder(stack.Postgres.ConnectionString) { Database = "mitigation", Pooling = false }.ConnectionString;

    /// <summary>What is held beside, and lacked of, what has to stand; watched until there is no difference or patience ends.</summary>
    private Task<Differences> Differences(Network network, IReadOnlyList<ChaosAttack> standing)
    {
        var (routes, filters) = (standing.SelectMany(attack => attack.Routes).ToList(), standing.SelectMany(attack => attack.Filters).ToList());
        return Watch(Look, found => [.. found.All]);

        async Task<Differences> Look()
        {
            var speakers = await network.Routes();
            var dropped = await network.Filters();
            return new Differences(
                [.. speakers.SelectMany(it => Beyond(it.Held, routes).Select(route => $"{it.Speaker}: {route}"))],
                [.. speakers.SelectMany(it => Beyond(routes, it.Held).Select(route => $"{it.Speaker}: {route}"))],
                [.. Beyond(dropped, filters).Select(filter => $"scrubber: {filter}")],
                [.. Beyond(filters, dropped).Select(filter => $"scrubber: {filter}")]);
        }
    }

    /// <summary>What the first holds beyond the second, each as often as it does: the same route twice is one too many.</summary>
    private static IReadOnlyList<string> Beyond(IEnumerable<string> these, IEnumerable<string> those)
    {
        var left = those.ToList();
        return [.. these.Where(it => !left.Remove(it))];
    }

    /// <summary>Streams that do not hold the whole story, each part once; watched until there is none or patience ends.</summary>
    private Task<(ChaosStories Stories, IReadOnlyList<string> Untold)> Untold(LocalStack stack, IReadOnlyList<ChaosAttack> plan, Func<ChaosAttack, bool> isOver)
    {
        return Watch(Look, found => found.Untold);

        async Task<(ChaosStories Stories, IReadOnlyList<string> Untold)> Look()
        {
            var stories = await ChaosStories.Read(Database(stack));
            return (stories, [.. plan.Select(attack => stories.Untold(attack, isOver(attack))).OfType<string>()]);
        }
    }

    /// <summary>Looks until nothing is wrong or patience ends; what stays wrong is told meanwhile, for whoever waits for it.</summary>
    private async Task<T> Watch<T>(Func<Task<T>> look, Func<T, IReadOnlyList<string>> wrong)
    {
        var (since, word) = (Stopwatch.StartNew(), FirstWord);
        while (true)
        {
            var found = await look();
            var faults = wrong(found);
            if (faults.Count == 0 || since.Elapsed > Patience)
            {
                return found;
            }

            if (since.Elapsed > word)
            {
                word += NextWord;
                say(Line($"Still wrong after {since.Elapsed.TotalSeconds:0} s:"));
                foreach (var fault in faults)
                {
                    say($"  {fault}");
                }
            }

            await Task.Delay(200);
        }
    }

    /// <summary>Null where no namespaces can be made: then nothing is scrubbed.</summary>
    private async Task<ChaosAgent?> Agent(LocalStack stack)
    {
        if (await NetworkNamespaces.WhyNot("nft") is { } why)
        {
            say($"Without a scrubber: {why}");
            return null;
        }

        var agent = new ChaosAgent();
        await agent.Start(stack.GrpcAddress("mitigation"), stack.VerificationKeyFile);
        return agent;
    }

    private static string Line(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>What can be killed, and what is held there.</summary>
    private sealed record Network(LocalStack Stack, GoBgpServer Second, ChaosAgent? Scrubber)
    {
        public IEnumerable<string> Servers { get; } = ["mitigation", "speaker", "second", "rabbitmq", "postgres", .. Scrubber is null ? (string[])[] : ["agent"]];

        public Task Kill(string server) => server switch
        {
            "speaker" => Stack.Speaker.Kill(),
            "second" => Second.Kill(),
            "rabbitmq" => Stack.RabbitMq.Kill(),
            "postgres" => Stack.Postgres.Kill(),
            "agent" => Scrubber!.Kill(),
            _ => Stack.Services[server].Kill(),
        };

        public async Task Return(string server)
        {
            switch (server)
            {
                case "speaker":
                    await Stack.Speaker.Start();
                    break;
                case "second":
                    await Second.Start();
                    break;
                case "rabbitmq":
                    await Stack.RabbitMq.Start();
                    break;
                case "postgres":
                    await Stack.Postgres.Start();
                    break;
                case "agent":
                    Scrubber!.Return();
                    break;
                default:
                    Stack.Services[server].Start();
                    break;
            }
        }

        /// <summary>Of the first speaker what its router took.</summary>
        public async Task<IReadOnlyList<(string Speaker, IReadOnlyList<string> Held)>> Routes() =>
            [("router", await Held(Stack.Router)), ("second", await Held(Second))];

        public async Task<IReadOnlyList<string>> Filters() => Scrubber is null ? [] : await Scrubber.Filters();

        private static async Task<IReadOnlyList<string>> Held(GoBgpServer speaker) =>
        [
            .. (await speaker.Routes()).Select(route => $"{route.Prefix} {(route.Communities.Contains("65535:666") ? "discarded" : "diverted")}"),
            .. (await speaker.Rules()).Select(rule => $"rule {rule}"),
        ];
    }

    /// <summary>The provider's operator at mitigation itself; asks until he is answered.</summary>
    private sealed class Controller(LocalStack stack) : IDisposable
    {
        private readonly GrpcChannel _channel = GrpcChannel.ForAddress(stack.GrpcAddress("mitigation"));
        private readonly CallerContext _signer = new(
            Options.Create(new CallerOptions { VerificationKeyFile = stack.VerificationKeyFile, SigningKeyFile = stack.SigningKeyFile }), TimeProvider.System);

        public Task Defend(Guid objectId, DefenseStep step) => Ask((client, headers, until) => client.SetDefensePolicyAsync(
            new()
            {
                TenantId = ChaosAttack.Tenant.ToString(),
                ServiceCode = ChaosAttack.Contract.ServiceCode,
                ObjectId = objectId.ToString(),
                Policy = new() { Mode = "automatic", Steps = { step } },
                Reason = "as agreed",
            },
            headers,
            until).ResponseAsync);

        public Task TurnKillSwitch(bool engage) =>
            Ask((client, headers, until) => client.TurnKillSwitchAsync(new() { Engage = engage, Reason = "chaos" }, headers, until).ResponseAsync);

        public void Dispose()
        {
            _channel.Dispose();
            _signer.Dispose();
        }

        private async Task Ask(Func<Mitigations.MitigationsClient, Metadata, DateTime, Task> ask)
        {
            var client = new Mitigations.MitigationsClient(_channel);
            for (var since = Stopwatch.StartNew(); ; await Task.Delay(200))
            {
                var operatorOfProvider = new Caller("0190eeee-0000-7000-8000-000000000001", TenantId.Provider, Roles.ProviderOperator, "127.0.0.1");
                try
                {
                    var headers = new Metadata { { CallerContext.Header, _signer.Sign(operatorOfProvider) } };
                    await ask(client, headers, TimeProvider.System.GetUtcNow().UtcDateTime + TimeSpan.FromSeconds(5));
                    return;
                }
                catch (RpcException) when (since.Elapsed < OperatorsPatience)
                {
                    // Mitigation or its database is away, or has not heard of the contract yet.
                }
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
/// <param name="AttacksAtOnce">As many as go on together at some moment, by the plan.</param>
/// <param name="Seconds">Of the whole run.</param>
/// <param name="SettledAfterSeconds">From the last return until the routers, the scrubber and the streams were right.</param>
/// <param name="Resumed">Attacks whose defence the kill switch ended, and that were defended anew.</param>
/// <param name="RoutesTooMany">Routes and rules that nobody wanted, each with its speaker.</param>
/// <param name="RoutesTooFew">Routes and rules that were missing.</param>
/// <param name="FiltersTooMany">Filters of the scrubber that nobody wanted.</param>
/// <param name="FiltersTooFew">Filters that were missing.</param>
/// <param name="StreamsUntold">Streams that do not tell the whole story.</param>
public sealed record ChaosResult(
    int Seed,
    int Kills,
    IReadOnlyDictionary<string, int> KillsByServer,
    int Attacks,
    int AttacksAtOnce,
    double Seconds,
    double SettledAfterSeconds,
    int Resumed,
    IReadOnlyList<string> RoutesTooMany,
    IReadOnlyList<string> RoutesTooFew,
    IReadOnlyList<string> FiltersTooMany,
    IReadOnlyList<string> FiltersTooFew,
    IReadOnlyList<string> StreamsUntold)
{
    /// <summary>Everything that is wrong; empty when all is right.</summary>
    public IEnumerable<string> Wrong =>
    [
        .. RoutesTooMany.Select(it => $"too many: {it}"),
        .. RoutesTooFew.Select(it => $"too few: {it}"),
        .. FiltersTooMany.Select(it => $"too many: {it}"),
        .. FiltersTooFew.Select(it => $"too few: {it}"),
        .. StreamsUntold,
    ];
}

/// <summary>What routers and scrubber hold beside, and lack of, what has to stand.</summary>
internal sealed record Differences(
    IReadOnlyList<string> RoutesTooMany, IReadOnlyList<string> RoutesTooFew, IReadOnlyList<string> FiltersTooMany, IReadOnlyList<string> FiltersTooFew)
{
    public IEnumerable<string> All =>
    [
        .. RoutesTooMany.Concat(FiltersTooMany).Select(it => $"too many: {it}"),
        .. RoutesTooFew.Concat(FiltersTooFew).Select(it => $"too few: {it}"),
    ];

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{RoutesTooMany.Count} routes too many, {RoutesTooFew.Count} too few, {FiltersTooMany.Count} filters too many, {FiltersTooFew.Count} too few");
}
