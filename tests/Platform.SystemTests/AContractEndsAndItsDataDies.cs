using Platform.Testing;

namespace Platform.SystemTests;

/// <summary>A contract ends; at the end of the second month after that month (Japan time) its incidents are gone, and nobody else's.</summary>
[Trait("Requirement", "R36")]
[Trait("Requirement", "R33")]
public sealed class AContractEndsAndItsDataDies(Suite suite)
{
    private static readonly TimeSpan Japan = TimeSpan.FromHours(9);

    [Fact]
    public async Task On_its_date_and_not_a_day_before()
    {
        using var leaving = await suite.ACustomer();
        using var staying = await suite.ACustomer();
        await Task.WhenAll(leaving.SuffersAnAttack(), staying.SuffersAnAttack());
        using (var provider = await suite.Provider())
        {
            await provider.TerminateContract(leaving.ServiceCode);
        }

        var (_, terminatedAt, dueAt) = await Eventually.Get(
            () => Erasure(leaving), erasure => erasure.Status == "scheduled", TimeSpan.FromSeconds(30), "the scheduled erasure");
        var month = terminatedAt.ToOffset(Japan);
        Assert.Equal(new DateTimeOffset(month.Year, month.Month, 1, 0, 0, 0, Japan).AddMonths(3), dueAt);

        await suite.Stack.MoveClockTo(dueAt - TimeSpan.FromDays(1));
        await Eventually.Get(() => Incidents(leaving), count => count == 1, what: "the incident a day before");

        await suite.Stack.MoveClockTo(dueAt + TimeSpan.FromSeconds(1));
        await Eventually.Get(() => Erasure(leaving), erasure => erasure.Status == "certified", TimeSpan.FromSeconds(60), "the certificate");
        await Eventually.Get(() => Incidents(leaving), count => count == 0, what: "the end of the incident");
        Assert.Equal(1, await Incidents(staying));

        using var maintainer = await suite.Provider();
        var residual = await maintainer.List($"residual/detections?purpose=system+test&target={leaving.Victim}/32");
        Assert.NotEmpty(residual); // the little that stays, by contract
    }

    // Signs in anew each time: sessions end when the clock leaps.
    private async Task<int> Incidents(Customer customer)
    {
        using var provider = await suite.Provider();
        return (await provider.List($"incidents?tenantId={customer.TenantId}")).Count;
    }

    private async Task<(string? Status, DateTimeOffset TerminatedAt, DateTimeOffset DueAt)> Erasure(Customer customer)
    {
        using var provider = await suite.Provider();
        var erasure = (await provider.List($"erasures?serviceCode={customer.ServiceCode}")).Single();
        return (
            erasure.GetProperty("status").GetString(),
            erasure.GetProperty("terminatedAt").GetDateTimeOffset(),
            erasure.GetProperty("dueAt").GetDateTimeOffset());
    }
}
