using System.Net;
using System.Net.Sockets;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Grpc.Net.Client;
using Platform.Mitigation.Bgp.Wire;

namespace Platform.Mitigation.Bgp;

/// <summary>One GoBGP daemon, over its gRPC API. The only class that knows that API.</summary>
/// <remarks>
/// A path is ours when it was added over the API and carries our path identifier. GoBGP keeps paths of one source apart by that identifier, so a
/// path that somebody added by hand to the same prefix is another path, neither replaced by ours nor withdrawn with it.
/// </remarks>
internal sealed class BgpSpeaker : IDisposable
{
    private const string AddedOverApi = "<nil>";
    private const uint OriginIncomplete = 2;
    private static readonly Family[] Families = [new() { Afi = 1, Safi = 1 }, new() { Afi = 2, Safi = 1 }];

    private readonly GrpcChannel _channel;
    private readonly GobgpApi.GobgpApiClient _api;
    private readonly uint _identifier;
    private readonly TimeSpan _timeout;

    public BgpSpeaker(SpeakerOptions options, uint identifier, TimeSpan timeout)
    {
        Options = options;
        _identifier = identifier;
        _timeout = timeout;
        _channel = GrpcChannel.ForAddress(options.Address!);
        _api = new GobgpApi.GobgpApiClient(_channel);
    }

    public SpeakerOptions Options { get; }

    /// <summary>The route that blackholes this prefix here.</summary>
    public BlackholeRoute RouteFor(IPNetwork prefix) => new(prefix, Options.NextHopFor(prefix), Options.Communities);

    /// <summary>Every route of ours that the speaker holds now.</summary>
    public async Task<IReadOnlyList<BlackholeRoute>> ReadOwn(CancellationToken cancellation)
    {
        var own = new List<BlackholeRoute>();
        foreach (var family in Families)
        {
            var request = new ListPathRequest { TableType = TableType.Global, Family = family };
            using var call = _api.ListPath(request, deadline: Deadline, cancellationToken: cancellation);
            await foreach (var answer in call.ResponseStream.ReadAllAsync(cancellation))
            {
                own.AddRange(answer.Destination.Paths.Where(IsOurs).Select(Read));
            }
        }

        return own;
    }

    /// <summary>Adds and withdraws, in one call. An added route replaces an older one of ours to the same prefix.</summary>
    public async Task Apply(IEnumerable<BlackholeRoute> add, IEnumerable<BlackholeRoute> withdraw, CancellationToken cancellation)
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

    public void Dispose() => _channel.Dispose();

    // Of the machine, not of the service: the other side counts it down in real time.
    private DateTime Deadline => TimeProvider.System.GetUtcNow().UtcDateTime + _timeout;

    private bool IsOurs(Wire.Path path) =>
        path.Identifier == _identifier && path.NeighborIp == AddedOverApi && path.Nlri.Is(IPAddressPrefix.Descriptor);

    private static BlackholeRoute Read(Wire.Path path)
    {
        var prefix = path.Nlri.Unpack<IPAddressPrefix>();
        var nextHop = IPAddress.None;
        Community[] communities = [];
        foreach (var attribute in path.Pattrs)
        {
            if (attribute.TryUnpack<NextHopAttribute>(out var hop))
            {
                nextHop = IPAddress.Parse(hop.NextHop);
            }
            else if (attribute.TryUnpack<MpReachNLRIAttribute>(out var reach))
            {
                nextHop = IPAddress.Parse(reach.NextHops[0]);
            }
            else if (attribute.TryUnpack<CommunitiesAttribute>(out var carried))
            {
                communities = [.. carried.Communities.Select(value => new Community(value))];
            }
        }

        return new BlackholeRoute(new IPNetwork(IPAddress.Parse(prefix.Prefix), (int)prefix.PrefixLen), nextHop, communities);
    }

    private Wire.Path Write(BlackholeRoute route, bool isWithdraw) => new()
    {
        Nlri = Any.Pack(new IPAddressPrefix
        {
            Prefix = route.Prefix.BaseAddress.ToString(),
            PrefixLen = (uint)route.Prefix.PrefixLength,
        }),
        Pattrs =
        {
            Any.Pack(new OriginAttribute { Origin = OriginIncomplete }),
            Any.Pack(new NextHopAttribute { NextHop = route.NextHop.ToString() }),
            Any.Pack(new CommunitiesAttribute { Communities = { route.Communities.Select(community => community.Value) } }),
        },
        Family = Families[route.Prefix.BaseAddress.AddressFamily is AddressFamily.InterNetwork ? 0 : 1],
        IsWithdraw = isWithdraw,
        Identifier = _identifier,
    };
}
