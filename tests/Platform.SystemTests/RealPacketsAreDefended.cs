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
        await using var network = new ARealNetwork(suite.Stack);
        await network.Start(
            watched.Exporter,
            [watched.Victim, ruled.Victim, limited.Victim, redirected.Victim, scrubbed.Victim, dropped.Victim, neighbour.Victim],
            redirected.Victim);

        var before = await network.Ask(watched.Victim);
        Tell("before", before);
        Assert.InRange(before.Success, AllButOne, 1);

        ClientView undefended, besideUndefended;
        await using (network.Attack(watched.Victim))
        {
            await Eventually.Get(watched.Mitigations, all => all.Any(it => it.GetProperty("status").GetString() == "rehearsed"), Patience, "what would have been done");
            undefended = await network.Ask(watched.Victim);
            besideUndefended = await network.Ask(neighbour.Victim);
        }

        Tell("attack without defence", undefended);
        Tell("... its neighbour on the same line", besideUndefended);
        Assert.InRange(undefended.Success, 0, 0.8); // else there would be nothing to defend
        Assert.True(await network.Arrived(watched.Victim) > 0);

        // What is answered waits in the full queue before the narrow line; with a defence there is no queue. Half of that wait is far from both.
        var half = before.Median + (undefended.Median - before.Median) / 2;
        var halfTheWait = half > HalfTheQueue ? half : HalfTheQueue;
        await IsDefended(network, ruled, neighbour, "FlowSpec rule", reachable: true, halfTheWait);
        await IsDefended(network, limited, neighbour, "FlowSpec rate limit", reachable: true, halfTheWait, mayPassASecond: LimitedPackets);
        await IsDefended(network, redirected, neighbour, "FlowSpec redirect into a VRF that cleans", reachable: true, halfTheWait);
        await IsDefended(network, scrubbed, neighbour, "diversion through the scrubber", reachable: true, halfTheWait);
        await IsDefended(network, dropped, neighbour, "blackhole", reachable: false, halfTheWait);

        foreach (var customer in (Customer[])[ruled, limited, redirected, scrubbed, dropped])
        {
            await Eventually.Get(
                customer.Mitigations, all => all.All(it => it.GetProperty("status").GetString() == "ended"), Patience, $"the end of {customer.Victim}'s defence");
            var after = await Eventually.Get(() => network.Ask(customer.Victim), view => view.Success == 1, Patience, $"recovery of {customer.Victim}");
            Tell($"{customer.Victim} after the end", after);
        }

        var story = await scrubbed.TheClosedIncident();
        Assert.Contains("countermeasure-measured", story.Steps);
    }

    private static async Task IsDefended(
        ARealNetwork network, Customer customer, Customer neighbour, string kind, bool reachable, TimeSpan halfTheWait, double mayPassASecond = 0)
    {
        await using (network.Attack(customer.Victim))
        {
            // In force on the data plane: of the attack nothing arrives any more, or no more than is allowed.
            await Eventually.True(
                async () => (mayPassASecond == 0 || network.HasRule(customer.Victim))
                    && await network.Arrived(customer.Victim) > 0 && await Rate(TimeSpan.FromMilliseconds(400)) <= mayPassASecond,
                Patience,
                $"{kind} on the data plane");
            var (arrived, began) = (await network.Arrived(customer.Victim), Stopwatch.GetTimestamp());
            var view = await network.Ask(customer.Victim);
            var beside = await network.Ask(neighbour.Victim);
            Tell(kind, view);
            Tell("... a neighbour meanwhile", beside);
            Assert.InRange(await network.Arrived(customer.Victim) - arrived, 0, mayPassASecond * Stopwatch.GetElapsedTime(began).TotalSeconds);
            Assert.InRange(beside.Success, AllButOne, 1);
            Assert.InRange(view.Success, reachable ? AllButOne : 0, reachable ? 1 : 0); // a blackhole takes the host from everybody: that is why it comes last
            Assert.InRange(beside.Median, TimeSpan.Zero, halfTheWait);
            Assert.InRange(view.Median, TimeSpan.Zero, halfTheWait); // of nobody it is nothing
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

    private static void Tell(string when, ClientView view) => TestContext.Current.TestOutputHelper!.WriteLine($"{when}: {view}");
}
