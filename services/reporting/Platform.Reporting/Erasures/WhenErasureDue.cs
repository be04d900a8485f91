using MassTransit;
using Platform.Contracts.Retention.V1;
using Platform.EventStore;
using Platform.Hosting;

namespace Platform.Reporting.Erasures;

/// <summary>
/// Reaction: the term of a contract's data has come, so its incidents die here and the counts are the proof.
/// </summary>
/// <remarks>
/// Each step can be repeated after a crash: the gate stays closed, erased streams stay counted under their erasure, the
/// proof is
/// recorded once. A repeated request gets the same proof again, with the same message id.
/// </remarks>
internal sealed class WhenErasureDue(
    StreamStore store,
    ErasedContracts erased,
    IncidentEraser incidents,
    TimeProvider clock,
    ILogger<WhenErasureDue> log)
    : IConsumer<ErasureDue>
{
    /// <summary>The one class of data that reporting holds.</summary>
    private const string DataClass = "incident";

    public async Task Consume(ConsumeContext<ErasureDue> context)
    {
        var due = context.Message;
        var cancellation = context.CancellationToken;
        string[] held = [.. due.DataClasses.Where(asked => asked == DataClass)];
        IReadOnlyDictionary<string, long> counts = new Dictionary<string, long>();
        if (held.Length > 0)
        {
            await erased.Close(due.ServiceCode, due.ErasureId, cancellation);
            counts = await incidents.Erase(TenantId.Of(due.TenantId), due.ServiceCode, due.ErasureId, cancellation);
        }

        var (provider, key) = (store.Tenant(TenantId.Provider), $"{due.ErasureId:D}");
        var command = new RecordErasure(due.ErasureId, due.TenantId, due.ServiceCode, held, counts, clock.GetUtcNow());
        var decision = await provider.Handle(
            ErasureState.Stream, key, state => ErasureDecider.Decide(state, command), context.Cause(), cancellation);
        if (decision is Decision<ErasureEvent>.Accepted { Events.Count: > 0 })
        {
            log.ContractErased(due.ServiceCode, due.ErasureId, counts.Values.Sum());
            return; // the relay publishes the proof
        }

        var history = await provider.Read(ErasureState.Stream, key, cancellation);
        var recorded = history.Single(recorded => recorded.Data is ContractDataErased);
        var proof = ErasurePublications.Proof((ContractDataErased)recorded.Data);
        await context.Publish(proof, message => message.MessageId = recorded.Id, cancellation);
    }
}
