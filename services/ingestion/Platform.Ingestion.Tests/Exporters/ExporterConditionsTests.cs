using Platform.EventStore;
using Platform.Ingestion.Exporters;
using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Tests.Exporters;

/// <summary>What makes an exporter less trustworthy is said once, and when it is over. A look is half a second.</summary>
[Trait("Requirement", "R4")]
public sealed class ExporterConditionsTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private readonly ExporterConditions _conditions = new();
    private readonly ExporterContext _exporter = new(DecodeLimits.Default) { LastRate = 1_000 };
    private uint _sequence;

    [Fact]
    public void Another_sampling_is_said_when_it_is_steady_and_not_when_interfaces_differ()
    {
        Assert.Empty(Look(20));
        for (var look = 0; look < 30; look++)
        {
            _exporter.LastRate = look % 2 == 0 ? 1_000u : 100u;
            Assert.Empty(Look(1));
        }

        _exporter.LastRate = 100;
        Assert.Equal(
            ("sampling-changed", "one packet in 100 is sampled, before it was one in 1000", "サンプリング率が1/1000から1/100に変わりました"), Assert.Single(Look(40)));
    }

    [Fact]
    public void A_loss_is_said_once_and_its_end_after_a_minute()
    {
        Lose(0);
        Assert.Empty(Look(3));
        Lose(7);
        var lost = Look(1);
        Lose(7);
        lost.AddRange(Look(50));
        Assert.StartsWith("sequence numbers show that 7 ", Assert.Single(lost).Detail, StringComparison.Ordinal);
        Assert.Contains("7件", lost[0].DetailJa, StringComparison.Ordinal);
        Assert.Equal("exporter-lossless", Assert.Single(Look(120)).Condition);
    }

    [Theory]
    [InlineData(9_000)]
    [InlineData(-9_000)]
    public void A_clock_that_is_off_is_said_when_it_stays_so_and_when_it_is_right_again(int skewMs)
    {
        Assert.Empty(Look(3));
        _exporter.ClockSkewMs = skewMs;
        Assert.Empty(Look(9));
        _exporter.ClockSkewMs = 0;
        Assert.Empty(Look(1)); // a late datagram is no wrong clock
        _exporter.ClockSkewMs = skewMs;
        Assert.Equal("clock-skewed", Assert.Single(Look(30)).Condition);
        _exporter.ClockSkewMs = 100;
        Assert.Equal("clock-right", Assert.Single(Look(30)).Condition);
    }

    [Fact]
    public void Replicas_that_notice_the_same_say_it_once()
    {
        var state = ExporterState.Evolve(ExporterState.Stream.Initial, new ExporterRegistered(Guid.CreateVersion7(Noon), "192.0.2.1", "edge", 0, Noon));
        var note = new NoteCondition("clock-skewed", "by 9 s", Noon, "9秒");

        var said = Assert.IsType<Decision<ExporterEvent>.Accepted>(ExporterDecider.Decide(state, note)).Events;
        state = said.Aggregate(state, ExporterState.Evolve);

        Assert.Equal("9秒", Assert.IsType<ExporterConditionChanged>(Assert.Single(said)).DetailJa);
        Assert.Empty(Assert.IsType<Decision<ExporterEvent>.Accepted>(ExporterDecider.Decide(state, note)).Events);
        Assert.Empty(Assert.IsType<Decision<ExporterEvent>.Accepted>(
            ExporterDecider.Decide(ExporterState.Stream.Initial with { ExporterId = state.ExporterId }, new NoteCondition("clock-right", "", Noon))).Events);
        Assert.IsType<Decision<ExporterEvent>.Rejected>(ExporterDecider.Decide(ExporterState.Stream.Initial, note));
    }

    private void Lose(uint datagrams)
    {
        _sequence += datagrams;
        _exporter.NoteSequence(_exporter.Domain(new DomainKey(FlowProtocol.NetFlow9, 1), nowMs: 0)!, new MessageHeader { Sequence = _sequence++ }, units: 1);
    }

    private List<(string Condition, string Detail, string DetailJa)> Look(int times)
    {
        var said = new List<(string, string, string)>();
        for (var look = 0; look < times; look++)
        {
            _exporter.Records++;
            said.AddRange(_conditions.Look(_exporter));
        }

        return said;
    }
}
