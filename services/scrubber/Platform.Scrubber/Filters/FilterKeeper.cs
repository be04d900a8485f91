using System.Collections.Immutable;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Options;
using Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Scrubber.Filters;

/// <summary>
/// Tells the controller what the kernel holds and counted, hears what it shall hold, and makes it so. While the controller is away nothing is
/// touched: the filters go on, and end by themselves when their lease has run out.
/// </summary>
internal sealed class FilterKeeper(NftTable table, ReturnRoutes routes, IOptions<ScrubberOptions> options, TimeProvider clock, ILogger<FilterKeeper> log)
    : BackgroundService
{
    /// <summary>Until a controller was heard: the longest that one may say.</summary>
    private static readonly TimeSpan LongestLease = TimeSpan.FromHours(1);

    private DateTimeOffset _leaseEndsAt;

    private string _noWayBack = "";
    private IReadOnlyList<string> _returned = [];

    private int _looked;

    /// <summary>What filters stays until its lease runs out; an empty table goes with us.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await table.RemoveIfEmpty(cancellationToken);
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            log.KernelRefuses(fault.Message);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // A controller that is cut off silently is noticed within seconds, not minutes: the next connection may find another way.
        using var channel = GrpcChannel.ForAddress(options.Value.Controller!, new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler
            {
                EnableMultipleHttp2Connections = true,
                ConnectTimeout = TimeSpan.FromSeconds(2),
                KeepAlivePingDelay = TimeSpan.FromSeconds(2),
                KeepAlivePingTimeout = TimeSpan.FromSeconds(2),
                KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            },
            DisposeHttpClient = true,
        });
        var controller = new Scrubbers.ScrubbersClient(channel);
        var standing = new Standing("", ImmutableDictionary<string, HeldFilter>.Empty);
        var (isAway, canSynProxy) = (false, (bool?)null);
        _leaseEndsAt = clock.GetUtcNow() + LongestLease;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (canSynProxy is null)
                {
                    canSynProxy = options.Value.SynProxy && await table.CanSynProxy(stoppingToken);
                    log.SynProxy(canSynProxy.Value);
                }

                standing = await Sync(controller, standing, canSynProxy.Value, stoppingToken);
                if (isAway)
                {
                    isAway = false;
                    log.ControllerReturned();
                }
            }
            catch (RpcException fault) when (!stoppingToken.IsCancellationRequested)
            {
                Telemetry.ControllerAway();
                if (!isAway)
                {
                    isAway = true;
                    log.ControllerAway(options.Value.Controller!, fault.Status.Detail);
                }

                if (clock.GetUtcNow() >= _leaseEndsAt)
                {
                    await KeepRoutes(diverted: [], proxied: [], path: null, LongestLease, stoppingToken); // filters the kernel forgets by itself, routes it does not
                }
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested) // whatever it was, it is tried again
            {
                Telemetry.Changed("refused");
                log.KernelRefuses(fault.Message);
            }

            await Task.Delay(options.Value.SyncInterval, stoppingToken);
        }
    }

    private async Task<Standing> Sync(
        Scrubbers.ScrubbersClient controller, Standing standing, bool canSynProxy, CancellationToken cancellation)
    {
        var held = await table.Read(cancellation);
        var put = standing.Held.Count;
        standing = await InForce(standing, held, _looked++, 1, cancellation);
        var isWhole = standing.Held.Count == put;
        var answer = await Ask(controller, standing, held, canSynProxy, cancellation);
        _leaseEndsAt = clock.GetUtcNow() + TimeSpan.FromSeconds(answer.LeaseSeconds);
        string[] proxied = [.. answer.Filters.Where(filter => canSynProxy && NftRuleset.IsSynProxy(filter)).Select(filter => filter.Destination)];
        await KeepRoutes(
            answer.Diverted, proxied, answer.ReturnPath, TimeSpan.FromSeconds(answer.LeaseSeconds), cancellation); // told with the next question: diversions wait for it
        var text = string.Join('\n', answer.Filters.OrderBy(filter => filter.FilterId, StringComparer.Ordinal).Select(TextOf));
        var now = clock.GetUtcNow();
        var lease = TimeSpan.FromSeconds(answer.LeaseSeconds);
        if (isWhole && text == standing.Filters && standing.Held.Keys.ToHashSet().SetEquals(held.Counters.Keys) && !answer.Filters.Any(IsDue))
        {
            return standing;
        }

        Filter[] filters = [.. answer.Filters.Select(filter => canSynProxy ? filter : NftRuleset.WithoutSynProxy(filter))];
        var applied = await table.Apply(filters, lease, held.Counters.Keys.ToImmutableHashSet(), cancellation);
        Telemetry.Changed("applied");
        foreach (var refused in filters.Except(applied))
        {
            Telemetry.Changed("refused");
            log.FilterRefused(refused.FilterId); // addresses stay out of logs: abroad they may not outlive the defence
        }

        var isNews = text != standing.Filters;
        standing = new Standing(
            text,
            applied
                .Select(it => new HeldFilter(it.FilterId, NftRuleset.SignaturesOf(options.Value.Table, it), now + NftRuleset.LifeOf(it, lease)))
                .ToImmutableDictionary(it => it.Name));
        held = await table.Read(cancellation);
        standing = await InForce(standing, held, from: 0, standing.Held.Count, cancellation);
        if (isNews)
        {
            log.Applied(standing.Held.Count);
            await Ask(controller, standing, held, canSynProxy, cancellation); // read back, and told at once
        }

        return standing;

        // A third of its life is over: by time, or because its expiry was moved on. What is about to end anyway is left to end.
        bool IsDue(Filter filter) => standing.Held.TryGetValue(NftRuleset.NameOf(filter.FilterId), out var it)
            && it.Until - now < NftRuleset.LifeOf(filter, lease) * (2.0 / 3);
    }

    /// <summary>
    /// What the kernel itself says that it holds: each rule always; destinations, which it lists one by one only, of so many filters from a place on, so
    /// that each has its turn.
    /// </summary>
    private async Task<Standing> InForce(Standing standing, KernelTable held, int from, int amount, CancellationToken cancellation)
    {
        var lost = standing.Held.Values.Where(it => !held.Holds(it)).Select(it => it.Name).ToHashSet();
        var whole = standing.Held.Keys.Where(name => !lost.Contains(name)).Order(StringComparer.Ordinal).ToList();
        for (var turn = from; turn < from + amount && whole.Count > 0; turn++)
        {
            if (whole[turn % whole.Count] is var name && !await table.HasDestination(name, cancellation))
            {
                lost.Add(name);
            }
        }

        return lost.Count == 0 ? standing : standing with { Held = standing.Held.RemoveRange(lost) };
    }

    /// <summary>Without a way back the filters are kept all the same.</summary>
    private async Task KeepRoutes(
        IReadOnlyList<string> diverted, IReadOnlyList<string> proxied, ReturnPath? path, TimeSpan lease, CancellationToken cancellation)
    {
        try
        {
            (_returned, _noWayBack) = (await routes.Apply(diverted, proxied, path, lease, cancellation), "");
        }
        catch (Exception fault) when (!cancellation.IsCancellationRequested)
        {
            Telemetry.Changed("refused");
            _returned = [];
            if (fault.Message != _noWayBack)
            {
                _noWayBack = fault.Message; // once; tried again all the same
                log.NoWayBack(fault.Message);
            }
        }
    }

    private async Task<SyncFiltersResponse> Ask(
        Scrubbers.ScrubbersClient controller,
        Standing standing,
        KernelTable held,
        bool canSynProxy,
        CancellationToken cancellation) => await controller.SyncFiltersAsync(
            new SyncFiltersRequest
            {
                SynProxy = canSynProxy,
                Counts = true,
                TellsReturned = true,
                Returned = { _returned },
                Applied =
                {
                    from it in held.Counters
                    where standing.Held.ContainsKey(it.Key)
                    select new AppliedFilter
                    {
                        FilterId = standing.Held[it.Key].FilterId,
                        DroppedPackets = it.Value.DroppedPackets,
                        DroppedBytes = it.Value.DroppedBytes,
                        PassedPackets = it.Value.PassedPackets,
                        PassedBytes = it.Value.PassedBytes,
                    },
                },
            },
            new Metadata { { "x-platform-scrubber", $"{options.Value.Name}:{options.Value.Token}" } },
            TimeProvider.System.GetUtcNow().UtcDateTime + TimeSpan.FromSeconds(5),
            cancellation);

    /// <summary>Without what runs down by itself.</summary>
    private static string TextOf(Filter filter) => $"{filter.FilterId} {filter.Destination} {filter.Rule}";

    /// <param name="Filters">What was applied last, as text.</param>
    /// <param name="Held">What is in force, by name in the kernel.</param>
    private sealed record Standing(string Filters, ImmutableDictionary<string, HeldFilter> Held);
}
