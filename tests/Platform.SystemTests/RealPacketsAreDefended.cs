using System.Diagnostics;
using Platform.Testing;

namespace Platform.SystemTests;

/// <summary>
/// From packets to packets: an attack between namespaces, flows by softflowd, the whole suite, and the defence on the router's and the
/// scrubber's data plane. No human call in between.
/// </summary>
[Trait("Requirement", "R2")]
[Trait("Requirement", "R8")]
public sealed class RealPacketsAreDefended(Suite suite)
{
    /// <summary>A busy machine may lose one of twenty by itself.</summary>
    private const double AllButOne = 0.95;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(45);

    /// <summary>The line before the victims holds packets back for 50 ms before it drops.</summary>
    private static readonly TimeSpan HalfTheQueue = TimeSpan.FromMilliseconds(25);

    /// <summary>A second, of more than 6,000: the vector's threshold of 5 Mbit/s, and a little.</summary>
    private const double LimitedPackets = 1_700;

    [Fact]
    [Trait("Requirement", "R6")]
    public async Task Each_kind_of_defence_stops_the_attack_and_only_the_attack_and_afterwards_all_is_as_before()
    {
        var why = await NetworkNamespaces.WhyNot("nft", "hping3", "softflowd", "tc");
        Assert.SkipWhen(why is not null, $"{why} No real packets without.");
        using var watched = await Customer("10.92.1.0/24", "flowspec-discard", mode: "dry-run");
        using var ruled = await Customer("10.92.2.0/24", "flowspec-discard");
        using var limited = await Customer("10.92.6.0/24", "flowspec-rate-limit");
        using var redirected = await Customer("10.92.7.0/24", "flowspec-redirect");
        using var scrubbed = await Customer("10.92.3.0/24", "scrubbing");
        using var dropped = await Customer("10.92.4.0/24", "blackhole");
        using var neighbour = await Customer("10.92.5.0/24", "blackhole");
        using var standing = await Customer("10.92.8.0/24", "scrubbing");
        using var helpless = await Customer("10.92.9.0/24", "diversion");
        await standing.OrdersAlwaysOn(true);
        await using var network = new ARealNetwork(suite.Stack);
        await network.Start(
            watched.Exporter,
            [
                watched.Victim, ruled.Victim, limited.Victim, redirected.Victim, scrubbed.Victim, dropped.Victim, neighbour.Victim, standing.Victim,
                helpless.Victim,
            ],
            redirected.Victim);

        var before = await network.Ask(watched.Victim);
        Tell("before", before);
        Assert.InRange(before.Success, AllButOne, 1);

        ClientView undefended, besideUndefended;
        await using (network.Attack(watched.Victim))
        {
            await Eventually.Get(watched.Mitigations, all => all.Any(it => it.GetProperty("status").GetString() == "rehearsed"), Patience, "what would have been done");
            undefended = await Suffers(network, watched);
            besideUndefended = await network.Ask(neighbour.Victim);
        }

        Tell("attack without defence", undefended);
        Tell("... its neighbour on the same line", besideUndefended);
        Assert.True(await network.Arrived(watched.Victim) > 0);
        await PassesTheScrubberBeforeAnyAttack(network, standing, neighbour);
        await ChangesNothing(network, helpless);

        // What is answered waits in the full queue before the narrow line; with a defence there is no queue. Half of that wait is far from both.
        var half = before.Median + (undefended.Median - before.Median) / 2;
        var halfTheWait = half > HalfTheQueue ? half : HalfTheQueue;
        await IsDefended(network, ruled, neighbour, "FlowSpec rule", reachable: true, halfTheWait);
        await IsDefended(network, limited, neighbour, "FlowSpec rate limit", reachable: true, halfTheWait, mayPassASecond: LimitedPackets);
        await IsDefended(network, redirected, neighbour, "FlowSpec redirect into a VRF that cleans", reachable: true, halfTheWait);
        await IsDefended(network, scrubbed, neighbour, "diversion through the scrubber", reachable: true, halfTheWait);
        await IsDefended(network, standing, neighbour, "filters where traffic is diverted always", reachable: true, halfTheWait, says: "helped");
        await IsDefended(network, dropped, neighbour, "blackhole", reachable: false, halfTheWait);

        await standing.OrdersAlwaysOn(false);
        await Task.WhenAll(((Customer[])[ruled, limited, redirected, scrubbed, dropped, standing, helpless]).Select(async customer =>
        {
            await Eventually.Get(
                customer.Mitigations, all => all.All(it => it.GetProperty("status").GetString() == "ended"), Patience, $"the end of {customer.Victim}'s defence");
            var after = await Eventually.Get(() => network.Ask(customer.Victim), view => view.Success == 1, Patience, $"recovery of {customer.Victim}");
            Tell($"{customer.Victim} after the end", after);
        }));
        var led = await network.Led(standing.Victim);
        await network.Ask(standing.Victim);
        Assert.Equal(led, await network.Led(standing.Victim)); // the option is cancelled

        var story = await scrubbed.TheClosedIncident();
        Assert.Contains("countermeasure-measured", story.Steps);
        var (incident, _) = await helpless.TheClosedIncident();
        Assert.Equal("not-helped", incident.GetProperty("mitigationResult").GetString());
    }

    [Fact]
    public async Task A_flood_of_connection_attempts_is_answered_by_the_scrubber_and_who_means_it_connects()
    {
        var why = await NetworkNamespaces.WhyNot("nft", "hping3", "softflowd", "tc") ?? await ARealNetwork.WhyNoSynProxy();
        Assert.SkipWhen(why is not null, $"{why} No real connections through a proxy without.");
        using var customer = await Customer("10.92.10.0/24", "scrubbing", mode: "after-approval");
        using var neighbour = await Customer("10.92.11.0/24", "blackhole");
        await customer.IsWatchedFor("tcp-syn", packetsPerSecond: 500);
        await using var network = new ARealNetwork(suite.Stack);
        await network.Start(customer.Exporter, [customer.Victim, neighbour.Victim]);

        Tell("before", await Connects("before"));
        await using (network.Knock(customer.Victim))
        {
            await Eventually.Get(customer.Mitigations, all => all.Any(it => it.GetProperty("status").GetString() == "proposed"), Patience, "the proposal");
            var undefended = await network.Connect(customer.Victim);
            Tell("flood of connection attempts without defence", undefended);
            Assert.InRange(undefended.Success, 0, 0.5); // its backlog is full

            await customer.Approves();
            var defended = await Connects("while the scrubber answers");
            var arrived = await network.Arrived(customer.Victim);
            Tell("SYN proxy", await network.Connect(customer.Victim));
            Assert.InRange(await network.Arrived(customer.Victim) - arrived, 1, 40); // the client's own, each once or twice
            Assert.InRange(defended.Median, TimeSpan.Zero, TimeSpan.FromMilliseconds(250)); // no attempt was lost and made again
            var beside = await network.Ask(neighbour.Victim);
            Tell("... a neighbour meanwhile", beside);
            Assert.InRange(beside.Success, AllButOne, 1);
            var measured = await Eventually.Get(
                customer.Countermeasures, all => all.Any(it => it.Route.Contains("syn-proxy", StringComparison.Ordinal) && it.Effect == "helped"), Patience, "the effect");
            Tell(measured);
        }

        await customer.Stops();
        await Eventually.Get(
            customer.Mitigations, all => all.All(it => it.GetProperty("status").GetString() == "ended"), Patience, "the end of the defence");
        var led = await network.Led(customer.Victim);
        Tell("after the end", await Connects("after the end"));
        Assert.Equal(led, await network.Led(customer.Victim));

        Task<ClientView> Connects(string when) => Eventually.Get(() => network.Connect(customer.Victim), view => view.Success >= AllButOne, Patience, $"connections {when}");
    }

    /// <summary>Diverted always: its traffic, and nobody else's, is led past the scrubber, and answered.</summary>
    private static async Task PassesTheScrubberBeforeAnyAttack(ARealNetwork network, Customer standing, Customer neighbour)
    {
        await Eventually.True(
            async () =>
            {
                var before = await network.Led(standing.Victim);
                await network.Ask(standing.Victim);
                return await network.Led(standing.Victim) - before >= 20;
            },
            Patience,
            "traffic past the scrubber");
        var calm = await network.Ask(standing.Victim);
        Tell("diverted always, before any attack", calm);
        Assert.InRange(calm.Success, AllButOne, 1);
        Assert.Equal(0, await network.Led(neighbour.Victim));
        Assert.DoesNotContain(await standing.Mitigations(), it => it.GetProperty("target").GetString() == $"{standing.Victim}/32");
    }

    /// <summary>Led past the scrubber without any filter the attack arrives as before, and the defence says so.</summary>
    private static async Task ChangesNothing(ARealNetwork network, Customer helpless)
    {
        await using (network.Attack(helpless.Victim))
        {
            await Eventually.Get(helpless.Countermeasures, all => all.Any(it => it.Effect == "unchanged"), Patience, "what it did not do");
            Tell("diversion past no filter", await Suffers(network, helpless));
            Tell(await helpless.Countermeasures());
        }
    }

    /// <summary>Some of what the client asks is lost; else there would be nothing to defend. A busy machine sends less of an attack for a moment.</summary>
    private static Task<ClientView> Suffers(ARealNetwork network, Customer customer) =>
        Eventually.Get(() => network.Ask(customer.Victim), view => view.Success <= 0.8, Patience, $"what {customer.Victim} suffers");

    private static async Task IsDefended(
        ARealNetwork network, Customer customer, Customer neighbour, string kind, bool reachable, TimeSpan halfTheWait, double mayPassASecond = 0,
        string? says = null)
    {
        await using (network.Attack(customer.Victim))
        {
            // In force on the data plane: of the attack nothing arrives any more, or no more than is allowed.
            await Eventually.True(
                async () => (mayPassASecond == 0 || network.HasRule(customer.Victim))
                    && await network.Arrived(customer.Victim) > 0 && await Rate(TimeSpan.FromMilliseconds(400)) <= mayPassASecond,
                Patience,
                $"{kind} on the data plane");
            var began = Stopwatch.GetTimestamp(); // before it is counted: the counter is read some time before it is told, on a busy machine long before
            var arrived = await network.Arrived(customer.Victim);
            var asked = await Task.WhenAll(network.Ask(customer.Victim), network.Ask(neighbour.Victim));
            var (view, beside) = (asked[0], asked[1]);
            Tell(kind, view);
            Tell("... a neighbour meanwhile", beside);
            Assert.InRange(await network.Arrived(customer.Victim) - arrived, 0, mayPassASecond * Stopwatch.GetElapsedTime(began).TotalSeconds);
            Assert.InRange(beside.Success, AllButOne, 1);
            Assert.InRange(view.Success, reachable ? AllButOne : 0, reachable ? 1 : 0); // a blackhole takes the host from everybody: that is why it comes last
            Assert.InRange(beside.Median, TimeSpan.Zero, halfTheWait);
            Assert.InRange(view.Median, TimeSpan.Zero, halfTheWait); // of nobody it is nothing
            if (says is not null)
            {
                Tell(await Eventually.Get(customer.Countermeasures, all => all.Any(it => it.Kind == "scrubbing" && it.Effect == says), Patience, $"{kind}: {says}"));
            }
        }

        async Task<double> Rate(TimeSpan length)
        {
            var (before, began) = (await network.Arrived(customer.Victim), Stopwatch.GetTimestamp());
            await Task.Delay(length);
            return (await network.Arrived(customer.Victim) - before) / Stopwatch.GetElapsedTime(began).TotalSeconds;
        }
    }

    private async Task<Customer> Customer(string prefix, string step, string mode = "automatic")
    {
        var customer = await suite.ACustomer(prefix, declaredBitsPerSecond: 4_000_000);
        await customer.IsDefendedBy(step, mode);
        return customer;
    }

    private static void Tell(IReadOnlyList<(string Kind, string Route, string? Effect, string? Words)> measured)
    {
        foreach (var it in measured.Where(it => it.Effect is not null))
        {
            TestContext.Current.TestOutputHelper!.WriteLine($"... {it.Route}: {it.Effect}. {it.Words}");
        }
    }

    private static void Tell(string when, ClientView view) => TestContext.Current.TestOutputHelper!.WriteLine($"{when}: {view}");
}
