using System.Net;
using Platform.Detection.Anomalies;
using Platform.Detection.ProtectedObjects;
using Platform.EventStore;
using Platform.Testing;

namespace Platform.Detection.Tests.Anomalies;

/// <summary>How often a target was attacked before costs nothing when it is attacked again.</summary>
public sealed class AttackedBeforeTests(PostgresDatabase database, RabbitMqVirtualHost broker) : ServiceTests(database, broker)
{
    private static readonly IPNetwork Target = IPNetwork.Parse("203.0.113.10/32");
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private string Key => AnomalyState.KeyOf(_customer.ContractId, Target);

    private TenantSession Session => Host.Store.Tenant(TenantId.Of(_customer.TenantId));

    [Theory, Trait("Requirement", "R1")]
    [InlineData(1)]
    [InlineData(250)]
    [InlineData(1_000)]
    public async Task A_finding_reads_no_more_events_than_the_last_anomaly_left(int before)
    {
        var past = await AttackedBefore(before);
        var read = 0;
        var counted = AnomalyState.Stream with
        {
            Evolve = (state, happened) =>
            {
                read++;
                return AnomalyState.Evolve(state, happened);
            },
        };

        var begins = Subject(Customer.NewId());
        var (opened, open) = await Find(counted, begins);
        var (known, _) = await Session.Load(KnownAnomaly.Stream(past[0].AnomalyId), Key, TestContext.Current.CancellationToken);

        Assert.Equal(2, read); // the last end, and what was decided
        Assert.Single(Assert.IsType<Decision<AnomalyEvent>.Accepted>(opened).Events);
        Assert.Equal(begins, open.Open);
        var (again, still) = await Find(counted, Subject(Customer.NewId()));
        Assert.Same(Decision<AnomalyEvent>.Unchanged, again); // by another process, which does not know of it
        Assert.Equal(begins, still.Open);
        Assert.Equal(past[0], known.Subject);
    }

    [Theory, Trait("Requirement", "R26")]
    [InlineData(1)]
    [InlineData(1_000)]
    public async Task A_false_mark_reads_the_events_of_its_anomaly_and_no_others(int before)
    {
        var past = await AttackedBefore(before);
        var first = past[0].AnomalyId;
        var read = 0;
        var counted = KnownAnomaly.Stream(first) with
        {
            Evolve = (known, happened) =>
            {
                read++;
                return KnownAnomaly.Stream(first).Evolve(known, happened);
            },
        };

        var (decided, marked) = await Mark();
        var (again, still) = await Mark();

        Assert.InRange(read, 3, 3 + 1 + 3); // its beginning and end, perhaps the stream's last event, and what was decided; then those three
        Assert.Single(Assert.IsType<Decision<AnomalyEvent>.Accepted>(decided).Events);
        Assert.Same(Decision<AnomalyEvent>.Unchanged, again);
        Assert.Equal(past[0], marked.Subject);
        Assert.NotNull(marked.MarkedWith);
        Assert.Equal(marked.MarkedWith, still.MarkedWith);

        Task<(Decision<AnomalyEvent> Decision, KnownAnomaly State)> Mark() => Session.HandleAndLoad(
            counted, Key, known => AnomalyDecider.Decide(known, new MarkFalse(first, "operator-7", "a launch", Noon)), new Cause($"mark:{Customer.NewId()}"), TestContext.Current.CancellationToken);
    }

    private Task<(Decision<AnomalyEvent> Decision, AnomalyState State)> Find(StreamType<AnomalyState, AnomalyEvent> stream, AnomalySubject subject) =>
        Session.HandleAndLoad(
            stream,
            Key,
            state => AnomalyDecider.Decide(
                state, new JudgeSecond(subject, Noon, new(1_000_000, 2_000), [Over], Pulses: 1, Explanation: null, Noon)),
            new Cause($"finding:{subject.AnomalyId}"),
            TestContext.Current.CancellationToken);

    private async Task<IReadOnlyList<AnomalySubject>> AttackedBefore(int times)
    {
        var past = Enumerable.Range(0, times).Select(_ => Subject(Customer.NewId())).ToArray();
        await Session.Append(
            AnomalyState.Stream,
            Key,
            ExpectedVersion.New,
            [.. past.SelectMany(subject => (AnomalyEvent[])
            [
                new AnomalyDetected(subject, [Over], 1_000_000, 2_000, Noon, Noon),
                new AnomalyEnded(subject, 1_000_000, 2_000, EndReason.Subsided, Noon, Noon),
            ])],
            new Cause($"test:{Customer.NewId()}"),
            TestContext.Current.CancellationToken);
        return past;
    }

    private static VectorMeasurement Over => new(TrafficVector.Total, 1_000_000, 2_000, null, 1_000);

    private AnomalySubject Subject(Guid id) => new(id, _customer.ContractId, _customer.ServiceCode, Target);
}
