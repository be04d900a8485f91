using Microsoft.Extensions.DependencyInjection;
using Platform.Reporting.Erasures;
using Platform.Testing;

namespace Platform.Reporting.Tests.Erasures;

/// <summary>The gate between late facts and an erasure, with writers that are inside while it closes.</summary>
public sealed class ErasedContractsTests(AReportingService service) : IClassFixture<AReportingService>
{
    private const string ServiceCode = "DP00000201";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Requirement", "R36")]
    public async Task An_erasure_waits_for_the_writers_inside_and_lets_nobody_in_after_itself()
    {
        var gate = service.Host.Services.GetRequiredService<ErasedContracts>();
        var (inside, mayEnd) = (new TaskCompletionSource(), new TaskCompletionSource());
        var writer = gate.Unless(
            ServiceCode,
            () =>
            {
                inside.SetResult();
                return mayEnd.Task;
            },
            Token);
        await inside.Task;

        var erasure = gate.Close(ServiceCode, service.NewId(), Token);
        await Eventually.Equal(
            1L, () => service.Query<long>("select count(*) from pg_locks where locktype = 'advisory' and not granted"));
        Assert.False(erasure.IsCompleted);
        mayEnd.SetResult();
        await Task.WhenAll(writer, erasure);

        await gate.Unless(ServiceCode, () => throw new InvalidOperationException("Nobody may write any more."), Token);
    }

    [Fact]
    public async Task Writers_of_one_contract_do_not_wait_for_each_other()
    {
        var gate = service.Host.Services.GetRequiredService<ErasedContracts>();
        var both = 0;
        var together = new TaskCompletionSource();
        Task Write()
        {
            if (Interlocked.Increment(ref both) == 2)
            {
                together.SetResult();
            }

            return together.Task;
        }

        await Task.WhenAll(gate.Unless("DP00000202", Write, Token), gate.Unless("DP00000202", Write, Token));
    }

    [Fact]
    public async Task A_writer_that_fails_leaves_its_place()
    {
        var gate = service.Host.Services.GetRequiredService<ErasedContracts>();
        for (var i = 0; i < 100; i++) // more than there are places
        {
            await Assert.ThrowsAsync<TimeoutException>(() => gate.Unless("DP00000203", () => throw new TimeoutException(), Token));
        }
    }
}
