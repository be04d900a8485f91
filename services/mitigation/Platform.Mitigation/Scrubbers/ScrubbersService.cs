using System.Collections.Immutable;
using System.Net;
using Grpc.Core;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.EventStore;
using Platform.Mitigation.Bgp;
using Platform.Mitigation.Mitigations;
using Wire = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Scrubbers;

/// <summary>gRPC surface for agents: what a scrubber holds and counted comes in, what it shall hold goes out.</summary>
internal sealed class ScrubbersService(
    WantedCountermeasures countermeasures,
    StreamStore store,
    KnownScrubbers scrubbers,
    IOptions<ScrubberOptions> options,
    TimeProvider clock,
    ILogger<ScrubbersService> log)
    : Wire.Scrubbers.ScrubbersBase
{
    [Authorize(Policy = ScrubberAuthorization.Policy)]
    public override async Task<SyncFiltersResponse> SyncFilters(SyncFiltersRequest request, ServerCallContext context)
    {
        var cancellation = context.CancellationToken;
        var known = ScrubberAuthorization.AgentOf(context.GetHttpContext())!;
        var agent = known.Name;
        var all = (await ReadFor(agent, cancellation)).Where(it => options.Value.Serves(agent, it.Spec.Pool)).ToList();
        await scrubbers.Heard(agent, request.SynProxy, WaysBackOf(request), CountedOf(request, all), cancellation);
        var holders = (await scrubbers.HeardWithin(options.Value.Lease, cancellation)).ToImmutableHashSet();
        var wanted = all.Where(it => it.Spec is { Kind: CountermeasureKind.Scrubbing, Rule: not null }).ToList();

        await Record(agent, request, wanted, holders, cancellation);

        var pool = options.Value.PoolNamed(known.Pool);
        var there = pool is { Spreads: true } ? await scrubbers.HeardWithin(options.Value.AwayAfter, cancellation) : [agent];
        var sharing = there.Count(name => options.Value.AgentsOf(known.Pool).Contains(name));
        var now = clock.GetUtcNow();
        return new SyncFiltersResponse
        {
            LeaseSeconds = (long)options.Value.Lease.TotalSeconds,
            Diverted =
            {
                // Also what is being withdrawn: as long as somebody leads packets here they have to find the way back.
                all.Where(it => it.Spec.Kind is CountermeasureKind.Diversion && SafetyRails.WithinHardLimits(it.Spec))
                    .Select(it => it.Spec.Prefix.ToString())
                    .Distinct(),
            },
            ReturnPath = pool?.Return is { } back
                ? new Wire.ReturnPath
                {
                    Interface = back.Interface ?? "",
                    NextHopIpv4 = back.NextHopIPv4 ?? "",
                    NextHopIpv6 = back.NextHopIPv6 ?? "",
                }
                : null,
            Filters =
            {
                // A diversion is counted where it leads to, so that one that led nowhere is seen.
                from it in wanted.Concat(all.Where(it => request.Counts && it.Spec.Kind is CountermeasureKind.Diversion))
                where !it.Withdrawing && it.ExpiresAt > now && SafetyRails.WithinHardLimits(it.Spec)
                select new Filter
                {
                    FilterId = it.CountermeasureId.ToString(),
                    Destination = it.Spec.Prefix.ToString(),
                    Rule = it.Spec.Kind is CountermeasureKind.Diversion ? new Rule { Action = "count" } : WireWords.Write(it.Spec.Rule!.SharedBy(Math.Max(1, sharing))),
                    ExpiresInSeconds = (long)Math.Ceiling((it.ExpiresAt - now).TotalSeconds),
                },
            },
        };
    }

    /// <summary>While it is not known what is wanted the agent keeps what it holds; that it spoke counts all the same.</summary>
    private async Task<IReadOnlyList<WantedCountermeasure>> ReadFor(string agent, CancellationToken cancellation)
    {
        try
        {
            return await countermeasures.Read(cancellation);
        }
        catch (ViewBehindException)
        {
            await scrubbers.Spoke(agent, cancellation);
            throw;
        }
    }

    /// <summary>Into the streams: what is in force here for the first time, what is gone, and what it did when that is new.</summary>
    private async Task Record(
        string agent,
        SyncFiltersRequest request,
        List<WantedCountermeasure> wanted,
        ImmutableHashSet<string> holders,
        CancellationToken cancellation)
    {
        var applied = request.Applied.Select(it => it.FilterId).ToHashSet();
        var present = request.Present.ToHashSet();
        var now = clock.GetUtcNow();
        foreach (var mitigation in wanted.GroupBy(it => (it.TenantId, it.MitigationId)))
        {
            var announced = mitigation.Where(it => IsApplied(it) && !it.Withdrawing && !it.AnnouncedBy.Contains(agent))
                .ToDictionary(it => it.CountermeasureId, it => it.Spec.Rule!.ToString());
            if (announced.Count > 0)
            {
                var command = new ConfirmAnnouncement(announced, agent, now);
                await Handle(mitigation.First(), state => MitigationDecider.Decide(state, command), $"announced:{agent}", cancellation);
            }

            var gone = mitigation.Where(it => !IsApplied(it) && it.Withdrawing && !present.Contains($"{it.CountermeasureId:N}"[..16]))
                .ToDictionary(it => it.CountermeasureId, it => holders.Where(holder => options.Value.Serves(holder, it.Spec.Pool)).ToImmutableHashSet());
            if (gone.Count > 0)
            {
                var command = new ConfirmClearance(gone, agent, now);
                await Handle(mitigation.First(), state => MitigationDecider.Decide(state, command), $"cleared:{agent}", cancellation);
            }
        }

        bool IsApplied(WantedCountermeasure it) => applied.Contains(it.CountermeasureId.ToString());
    }

    private static IReadOnlyList<IPNetwork>? WaysBackOf(SyncFiltersRequest request) => request.TellsReturned
        ? [.. request.Returned.Where(text => PrefixText.TryRead(text, out _)).Select(IPNetwork.Parse).Distinct()]
        : null;

    /// <summary>Of what is known; counters of nothing are nobody's.</summary>
    private static IReadOnlyList<CountedFilter> CountedOf(SyncFiltersRequest request, IReadOnlyList<WantedCountermeasure> known)
    {
        var ids = known.ToDictionary(it => it.CountermeasureId.ToString(), it => it.CountermeasureId);
        return
        [
            .. from it in request.Applied.DistinctBy(it => it.FilterId)
               where ids.ContainsKey(it.FilterId)
               select new CountedFilter(ids[it.FilterId], it.DroppedPackets, it.DroppedBytes, it.PassedPackets, it.PassedBytes),
        ];
    }

    private async Task Handle(
        WantedCountermeasure it,
        Func<MitigationState, Decision<MitigationEvent>> decide,
        string what,
        CancellationToken cancellation)
    {
        try
        {
            await store.Tenant(TenantId.Of(it.TenantId)).Handle(
                MitigationState.Stream,
                it.MitigationId.ToString(),
                decide,
                new Cause($"scrubber:{what}:{clock.GetUtcNow().UtcTicks}:{it.CountermeasureId:N}", $"scrubber:{what.Split(':')[1]}"),
                cancellation);
        }
        catch (Exception fault) when (fault is not NpgsqlException { IsTransient: true } && !cancellation.IsCancellationRequested)
        {
            log.FailedAlone(fault, $"The record of mitigation {it.MitigationId}"); // the agent hears what it shall hold all the same
        }
    }
}
