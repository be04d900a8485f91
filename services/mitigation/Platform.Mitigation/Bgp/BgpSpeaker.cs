using System.Net;
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
    private const string AddedOverApi = "<nil>";

    private readonly GrpcChannel _channel;
    private readonly GobgpApi.GobgpApiClient _api;
    private readonly uint _identifier;
    private readonly TimeSpan _timeout;
    private readonly Family[] _families;
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
        // Rules too where the settings say that it takes none: it may have taken some before they said so.
        _families = [.. from safi in (int[])[SpeakerRoute.Unicast, SpeakerRoute.FlowSpec] from afi in (int[])[1, 2] select new Family { Afi = afi, Safi = safi }];
    }

    public SpeakerOptions Options { get; }

    /// <summary>The route that is this countermeasure here; null when this speaker has no part in it, or when it is past every limit.</summary>
    /// <param name="spec">What shall be.</param>
    /// <param name="expiresAt">When it ends by itself (UTC): abroad the route says so too.</param>
    public SpeakerRoute? RouteFor(CountermeasureSpec spec, DateTimeOffset expiresAt)
    {
        if (!SafetyRails.WithinHardLimits(spec) || !Options.Carries(spec))
        {
            return null;
        }

        DateTimeOffset? end = Options.IsAbroad ? expiresAt : null;
        return spec.Kind switch
        {
            CountermeasureKind.Blackhole => SpeakerRoute.To(spec.Prefix, Options.NextHopFor(spec.Prefix), Options.Communities, end),
            CountermeasureKind.Diversion =>
                SpeakerRoute.To(spec.Prefix, ScrubberFor(spec), Options.CommunitiesOfDiversions, end, saysNextHop: true),
            CountermeasureKind.FlowSpec => SpeakerRoute.Of(spec.Rule!, [.. Options.FlowSpecCommunities.Select(Community.Parse)], end),
            _ => null,
        };
    }

    /// <summary>Its router id: two settings of one machine have the same.</summary>
    public async Task<string> ReadRouterId(CancellationToken cancellation) =>
        (await _api.GetBgpAsync(new GetBgpRequest(), deadline: Deadline, cancellationToken: cancellation)).Global?.RouterId ?? "";

    /// <summary>The pool's, where it has one of this family; else the speaker's own. A pool that is no longer configured has none.</summary>
    private IPAddress ScrubberFor(CountermeasureSpec spec) =>
        _pools.FirstOrDefault(pool => pool.Name == spec.Pool)?.NextHopFor(spec.Prefix) ?? Options.DiversionNextHopFor(spec.Prefix)!;

    /// <summary>Every route of ours that the speaker holds now.</summary>
    public async Task<IReadOnlyList<SpeakerRoute>> ReadOwn(CancellationToken cancellation)
    {
        var families = await Task.WhenAll(_families.Select(family => ReadOwn(family, cancellation)));
        return [.. families.SelectMany(routes => routes)];
    }

    private async Task<List<SpeakerRoute>> ReadOwn(Family family, CancellationToken cancellation)
    {
        var own = new List<SpeakerRoute>();
        var request = new ListPathRequest { TableType = TableType.Global, Family = family };
        using var call = _api.ListPath(request, deadline: Deadline, cancellationToken: cancellation);
        try
        {
            await foreach (var answer in call.ResponseStream.ReadAllAsync(cancellation))
            {
                own.AddRange(answer.Destination.Paths.Where(IsOurs).Select(path => SpeakerRoute.Read(path, family)));
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
        using var call = _api.AddPathStream(deadline: Deadline, cancellationToken: cancellation);
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

    public void Dispose() => _channel.Dispose();

    // Of the machine, not of the service: the other side counts it down in real time.
    private DateTime Deadline => TimeProvider.System.GetUtcNow().UtcDateTime + _timeout;

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
