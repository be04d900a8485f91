using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;
using Platform.Mitigation.Bgp.Wire;
using Platform.Mitigation.Mitigations;
using Platform.Mitigation.Scrubbers;

namespace Platform.Mitigation.Bgp;

/// <summary>One GoBGP daemon, over its gRPC API. The only class that knows that API.</summary>
/// <remarks>
/// A path is ours when it was added over the API and carries our path identifier. GoBGP keeps paths of one source apart by that identifier, so a
/// path that somebody added by hand to the same prefix is another path, neither replaced by ours nor withdrawn with it.
/// </remarks>
internal sealed class BgpSpeaker : IDisposable
{
    /// <summary>Stands where a path has no neighbour that it came from.</summary>
    public const string AddedOverApi = "<nil>";

    private static readonly TimeSpan SmallTable = TimeSpan.FromMilliseconds(250);

    /// <summary>A million routes take GoBGP some ten seconds to tell.</summary>
    private static readonly TimeSpan WholeTable = TimeSpan.FromMinutes(2);

    private readonly GrpcChannel _channel;
    private readonly GobgpApi.GobgpApiClient _api;
    private readonly uint _identifier;
    private readonly TimeSpan _timeout;
    private readonly Family[] _unicast = [.. FamiliesOf(SpeakerRoute.Unicast)];
    private readonly Family[] _rules = [.. FamiliesOf(SpeakerRoute.FlowSpec)];
    private readonly TableSweep[] _sweeps = [new(SmallTable), new(SmallTable)];
    private readonly CancellationTokenSource _open = new();
    private readonly IReadOnlyList<ScrubbingPool> _pools;

    public BgpSpeaker(SpeakerOptions options, uint identifier, TimeSpan timeout, IReadOnlyList<ScrubbingPool> pools)
    {
        _pools = pools;
        Options = options;
        _identifier = identifier;
        _timeout = timeout;
        // A speaker that is cut off silently is noticed within seconds. Pings go only beside a call: GoBGP ends a connection that pings all the time.
        _channel = GrpcChannel.ForAddress(options.Address!, new GrpcChannelOptions
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
        _api = new GobgpApi.GobgpApiClient(_channel);
    }

    public SpeakerOptions Options { get; }

    /// <summary>The route that is this countermeasure here; null when this speaker has no part in it, or when it is past every limit.</summary>
    /// <param name="spec">What shall be.</param>
    /// <param name="end">When it ends by itself (UTC), which the route says too.</param>
    public SpeakerRoute? RouteFor(CountermeasureSpec spec, DateTimeOffset end)
    {
        if (!SafetyRails.WithinHardLimits(spec) || !Options.Carries(spec))
        {
            return null;
        }

        return spec.Kind switch
        {
            CountermeasureKind.Blackhole => SpeakerRoute.To(spec.Prefix, Options.NextHopFor(spec.Prefix), Options.Communities, end),
            CountermeasureKind.Diversion =>
                SpeakerRoute.To(
                    spec.Prefix, ScrubberFor(spec), Options.CommunitiesOfDiversions, end, saysNextHop: true, (uint)Options.DiversionLocalPreference),
            CountermeasureKind.FlowSpec => SpeakerRoute.Of(spec.Rule!, [.. Options.FlowSpecCommunities.Select(Community.Parse)], end),
            _ => null,
        };
    }

    /// <summary>The pool's, where it has one of this family; else the speaker's own. A pool that is no longer configured has none.</summary>
    private IPAddress ScrubberFor(CountermeasureSpec spec) =>
        _pools.FirstOrDefault(pool => pool.Name == spec.Pool)?.NextHopFor(spec.Prefix) ?? Options.DiversionNextHopFor(spec.Prefix)!;

    /// <summary>Its router id: two addresses of one machine have the same, and a machine that replaces another may.</summary>
    public async Task<string> ReadRouterId(CancellationToken cancellation) =>
        (await _api.GetBgpAsync(new GetBgpRequest(), deadline: Deadline(_timeout), cancellationToken: cancellation)).Global?.RouterId ?? "";

    /// <summary>The sessions with its neighbours; none where it has no neighbours.</summary>
    public async Task<IReadOnlyList<SpeakerSession>> ReadSessions(CancellationToken cancellation)
    {
        var sessions = new List<SpeakerSession>();
        using var call = _api.ListPeer(new ListPeerRequest(), deadline: Deadline(_timeout), cancellationToken: cancellation);
        await foreach (var answer in call.ResponseStream.ReadAllAsync(cancellation))
        {
            sessions.Add(SpeakerSession.Read(answer.Peer.State));
        }

        return sessions;
    }

    /// <summary>Everything of ours that it holds; all of its table is read for it, however long that takes.</summary>
    public async Task<IReadOnlyList<SpeakerRoute>> ReadOwn(CancellationToken cancellation) =>
        await All(_unicast.Select(family => ReadWhole(family, cancellation)).Concat(ReadRules(cancellation)));

    /// <summary>
    /// What it holds of ours: everything, when its table is small. Of one with the routes of the world what is asked for, and what was ours when all of it
    /// was read last.
    /// </summary>
    /// <param name="asked">Prefixes that matter now.</param>
    /// <param name="cancellation">Stops the wait.</param>
    public async Task<IReadOnlyList<SpeakerRoute>> ReadOwn(Task<IReadOnlyList<IPNetwork>> asked, CancellationToken cancellation) =>
        await All(_unicast.Zip(_sweeps, (family, sweep) => ReadSmall(family, sweep, asked, cancellation)).Concat(ReadRules(cancellation)));

    /// <summary>What it holds of ours at these prefixes, and every rule.</summary>
    public async Task<IReadOnlyList<SpeakerRoute>> ReadAt(IReadOnlyList<IPNetwork> asked, CancellationToken cancellation) =>
        await All(RoutesAt(asked, cancellation).Concat(ReadRules(cancellation)));

    /// <summary>The same without rules.</summary>
    public async Task<IReadOnlyList<SpeakerRoute>> ReadRoutesAt(IReadOnlyList<IPNetwork> asked, CancellationToken cancellation) =>
        await All(RoutesAt(asked, cancellation));

    private IEnumerable<Task<List<SpeakerRoute>>> RoutesAt(IReadOnlyList<IPNetwork> asked, CancellationToken cancellation) =>
        _unicast.Zip(_sweeps, (family, sweep) => ReadAt(family, sweep, asked, cancellation));

    private async Task<List<SpeakerRoute>> ReadSmall(
        Family family, TableSweep sweep, Task<IReadOnlyList<IPNetwork>> asked, CancellationToken cancellation) =>
        await sweep.Look(() => ReadWhole(family, _open.Token)) is { } all ? [.. all] : await ReadAt(family, sweep, await asked, cancellation);

    private Task<List<SpeakerRoute>> ReadAt(Family family, TableSweep sweep, IReadOnlyList<IPNetwork> asked, CancellationToken cancellation)
    {
        var addresses = family.Afi == 1 ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6;
        var prefixes = asked.Where(prefix => prefix.BaseAddress.AddressFamily == addresses).Select(prefix => prefix.ToString()).Union(sweep.Seen);
        var request = new ListPathRequest { TableType = TableType.Global, Family = family };
        request.Prefixes.AddRange(prefixes.Select(prefix => new TableLookupPrefix { Prefix = prefix }));
        return request.Prefixes.Count == 0 ? Task.FromResult<List<SpeakerRoute>>([]) : Read(request, _timeout, cancellation);
    }

    private Task<List<SpeakerRoute>> ReadWhole(Family family, CancellationToken cancellation) =>
        Read(new ListPathRequest { TableType = TableType.Global, Family = family }, WholeTable, cancellation);

    /// <summary>Also where the settings say that it takes none: it may have taken some before they said so.</summary>
    private IEnumerable<Task<List<SpeakerRoute>>> ReadRules(CancellationToken cancellation) =>
        _rules.Select(family => Read(new ListPathRequest { TableType = TableType.Global, Family = family }, _timeout, cancellation));

    private static async Task<IReadOnlyList<SpeakerRoute>> All(IEnumerable<Task<List<SpeakerRoute>>> families) =>
        [.. (await Task.WhenAll(families)).SelectMany(routes => routes)];

    private static IEnumerable<Family> FamiliesOf(int safi) => [new Family { Afi = 1, Safi = safi }, new Family { Afi = 2, Safi = safi }];

    private async Task<List<SpeakerRoute>> Read(ListPathRequest request, TimeSpan within, CancellationToken cancellation)
    {
        var (own, family) = (new List<SpeakerRoute>(), request.Family);
        using var call = _api.ListPath(request, deadline: Deadline(within), cancellationToken: cancellation);
        try
        {
            await foreach (var answer in call.ResponseStream.ReadAllAsync(cancellation))
            {
                var paths = answer.Destination.Paths;
                own.AddRange(paths.Where(IsOurs).Select(path => SpeakerRoute.Read(path, family, paths.FirstOrDefault(it => it.Best))));
            }
        }
        catch (RpcException refusal) when (family.Safi == SpeakerRoute.FlowSpec && !Options.FlowSpec && IsRefusal(refusal))
        {
            return []; // it was set up without rules, and so holds none
        }

        return own;
    }

    /// <summary>Withdraws and adds, in one call. An added route replaces an older one of ours to the same prefix.</summary>
    public async Task Apply(IEnumerable<SpeakerRoute> add, IEnumerable<SpeakerRoute> withdraw, CancellationToken cancellation)
    {
        const int pathsPerMessage = 500; // well below GoBGP's limit of 4 MiB
        using var call = _api.AddPathStream(deadline: Deadline(_timeout), cancellationToken: cancellation);
        var paths = withdraw.Select(route => Write(route, isWithdraw: true)).Concat(add.Select(route => Write(route, isWithdraw: false)));
        foreach (var chunk in paths.Chunk(pathsPerMessage))
        {
            await call.RequestStream.WriteAsync(new AddPathStreamRequest { TableType = TableType.Global, Paths = { chunk } }, cancellation);
        }

        await call.RequestStream.CompleteAsync();
        await call.ResponseAsync;
    }

    /// <summary>Whether it answered, with a no.</summary>
    public static bool IsRefusal(RpcException fault) =>
        fault.StatusCode is not (StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Cancelled);

    public void Dispose()
    {
        _open.Cancel();
        _open.Dispose();
        _channel.Dispose();
    }

    // Of the machine, not of the service: the other side counts it down in real time.
    private static DateTime Deadline(TimeSpan within) => TimeProvider.System.GetUtcNow().UtcDateTime + within;

    private bool IsOurs(Wire.Path path) => path.Identifier == _identifier && path.NeighborIp == AddedOverApi;

    private Wire.Path Write(SpeakerRoute route, bool isWithdraw) => new()
    {
        Nlri = route.Nlri,
        Pattrs = { route.Attributes },
        Family = route.Family,
        IsWithdraw = isWithdraw,
        Identifier = _identifier,
    };
}
