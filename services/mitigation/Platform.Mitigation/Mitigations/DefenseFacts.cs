using System.Net;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.Mitigation.Bgp;
using Platform.Mitigation.DefensePolicies;
using Platform.Mitigation.KillSwitches;
using Platform.Mitigation.KnownContracts;

namespace Platform.Mitigation.Mitigations;

/// <summary>Collects, at the edge, what a decision about countermeasures needs to know.</summary>
internal sealed class DefenseFacts(
    NpgsqlDataSource database,
    ContractDirectory contracts,
    CountermeasureSlots slots,
    IOptions<MitigationOptions> options,
    IOptions<BgpOptions> network)
{
    /// <summary>Everything but the slots; null when the contract is not known yet.</summary>
    /// <param name="tenantId">The tenant.</param>
    /// <param name="serviceCode">Its contract.</param>
    /// <param name="objectId">The protected object; empty: none in particular.</param>
    /// <param name="cancellation">Stops the wait.</param>
    public async Task<Defense?> Find(Guid tenantId, string serviceCode, Guid objectId, CancellationToken cancellation)
    {
        var contract = contracts.Find(tenantId, serviceCode, cancellation);
        var policy = KnownPolicies.Find(database, tenantId, objectId, cancellation);
        var killSwitch = KillSwitchPosition.Read(database, cancellation);
        await Task.WhenAll(contract, policy, killSwitch);
        if (await contract is not { } known)
        {
            return null;
        }

        var chosen = await policy ?? options.Value.DefaultPolicy;
        return new Defense(
            known,
            options.Value.DryRun ? chosen with { Mode = EnforcementMode.DryRun } : chosen,
            options.Value.RailsFor(tenantId, (await killSwitch).Engaged, chosen.AllowedSources),
            network.Value.Means,
            SlotAnswer.Granted,
            options.Value.MaximumDuration);
    }

    /// <summary>With slots for the first step that will be taken; a target that no rail lets through takes none.</summary>
    public async Task<Defense> WithSlots(
        Defense defense, StartMitigation start, Guid tenantId, CancellationToken cancellation)
    {
        if (defense.Rails.RefusalOfTarget(start.Target, defense.Contract, start.Scope.ServiceCode) is not null
            || DefensePlan.Next(IPNetwork.Parse(start.Target), start.Evidence, defense.Policy, defense.Means, from: 0) is not { } step
            || defense.Policy.Mode is EnforcementMode.DryRun)
        {
            return defense;
        }

        return await WithSlots(defense, tenantId, start.Scope.MitigationId, step.Specs.Count, cancellation);
    }

    public async Task<Defense> WithSlots(
        Defense defense, Guid tenantId, Guid mitigationId, int amount, CancellationToken cancellation) =>
        defense with { Slot = await slots.Take(tenantId, mitigationId, amount, cancellation) };

    public async Task<Defense> WithMoreSlots(
        Defense defense, Guid tenantId, Guid mitigationId, int amount, CancellationToken cancellation) =>
        amount == 0 || defense.Policy.Mode is EnforcementMode.DryRun
            ? defense
            : defense with { Slot = await slots.TakeMore(tenantId, mitigationId, amount, cancellation) };
}
