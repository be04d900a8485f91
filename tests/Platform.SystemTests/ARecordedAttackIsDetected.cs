using Platform.Local;
using Platform.Testing;

namespace Platform.SystemTests;

/// <summary>Real export of a real exporter: exactly the recorded floods are attacks, the recorded calm is not.</summary>
[Trait("Requirement", "R1")]
public sealed class ARecordedAttackIsDetected(Suite suite)
{
    [Fact]
    public async Task The_calm_raises_nothing_and_the_flood_exactly_one_anomaly()
    {
        var calm = Capture.Read("normal-v9");
        var flood = Capture.Read("attack-syn-ipfix");
        using var customer = await suite.ACustomer("203.0.113.0/24");

        await customer.Exporter.Play(calm, _ => { }, TestContext.Current.CancellationToken);
        Assert.Empty(await customer.Anomalies());
        await customer.Exporter.Play(flood, _ => { }, TestContext.Current.CancellationToken);

        Assert.Equal(flood.Attack!.Target, customer.Victim);
        await customer.TheRouterForwards();
        await customer.TheClosedIncident();
        var anomaly = Assert.Single(await customer.Anomalies());
        Assert.Contains("tcp-syn", anomaly.GetProperty("vectors").EnumerateArray().Select(vector => vector.GetString()));

        // It says why, to whoever reads the anomaly and in the notice, which comes by itself.
        var why = anomaly.GetProperty("explanation");
        Assert.Contains("threshold of", why.GetProperty("sentence").GetString(), StringComparison.Ordinal);
        Assert.Contains("しきい値", why.GetProperty("sentenceJa").GetString(), StringComparison.Ordinal);
        Assert.True(why.GetProperty("measured").GetInt64() > 0 && why.GetProperty("threshold").GetInt64() > 0);
        var notices = await Eventually.Get(
            async () => (await customer.Notices()).Where(told => told.GetProperty("kind").GetString() == "anomaly-detected").ToArray(), seen => seen.Length > 0);
        Assert.Contains("threshold of", notices[0].GetProperty("details").GetProperty("explanation").GetString(), StringComparison.Ordinal);
    }
}
