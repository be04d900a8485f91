using MassTransit;
using Microsoft.Extensions.Logging;
using Platform.Contracts.Retention.V1;
using Platform.EventStore;

namespace Platform.Hosting.Erasures;

/// <summary>Reaction of every owner: the term of a contract's data has come, so it dies here and the counts are the proof.</summary>
/// <remarks>
/// Each step can be repeated after a crash: the gate stays closed, what is erased stays counted under its erasure, and an answer is recorded
/// once for each request.
/// </remarks>
internal sealed partial class WhenErasureDue(
    StreamStore store, IContractEraser eraser, ErasedContracts erased, TimeProvider clock, ILogger<WhenErasureDue> log) : IConsumer<ErasureDue>
{
    public async Task Consume(ConsumeContext<ErasureDue> context)
    {
        var (due, cancellation) = (context.Message, context.CancellationToken);
        string[] held = [.. due.DataClasses.Intersect(eraser.DataClasses)];
        IReadOnlyDictionary<string, long> counts = new Dictionary<string, long>();
        if (held.Length > 0)
        {
            await erased.Close(due.ServiceCode, due.ErasureId, cancellation);
            counts = await eraser.EraseContract(due, context.Cause(), cancellation);
            Erased(due.ServiceCode, due.ErasureId, counts.Values.Sum());
        }

        var command = new RecordErasure(
            new DataErasureRecorded(due.ErasureId, due.TenantId, due.ServiceCode, held, counts, ErasedAt: clock.GetUtcNow()));
        await store.Tenant(TenantId.Provider).Handle(
            ErasureState.Stream,
            due.ErasureId.ToString(),
            state => ErasureDecider.Decide(state, command),
            context.Cause(),
            cancellation);
    }

    [LoggerMessage(1, LogLevel.Information, "Erased {Total} streams and rows of contract {ServiceCode}, erasure {ErasureId}")]
    private partial void Erased(string serviceCode, Guid erasureId, long total);
}
