using System.Text.Json;
using Dapper;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;
using Npgsql;
using Platform.Contracts.Grpc.Mitigation.V1;
using Platform.Hosting;
using Contract = Platform.Contracts.Grpc.Mitigation.V1;

namespace Platform.Mitigation.Bgp;

/// <summary>gRPC surface of the speakers: which answer, and which routers they reach.</summary>
internal sealed class SpeakersService(NpgsqlDataSource database, IOptions<BgpOptions> options) : Contract.Speakers.SpeakersBase
{
    [Authorize(Policy = Policies.ProviderRead)]
    public override async Task<ListSpeakersResponse> ListSpeakers(ListSpeakersRequest request, ServerCallContext context)
    {
        await using var connection = await database.OpenConnectionAsync(context.CancellationToken);
        var seen = (await connection.QueryAsync<(string Name, DateTime? AwaySince, string Sessions)>(
            "select name, away_since, sessions::text from views.speakers_v1")).ToDictionary(it => it.Name);
        return new ListSpeakersResponse { Speakers = { options.Value.Speakers.Select(Describe) } };

        Speaker Describe(SpeakerOptions speaker)
        {
            var described = new Speaker { Name = speaker.Name, Location = speaker.Location };
            if (!seen.TryGetValue(speaker.Name, out var state))
            {
                return described; // nobody has asked it yet
            }

            described.AwaySince = state.AwaySince is { } since ? Timestamp.FromDateTime(since) : null;
            described.Sessions.AddRange(JsonSerializer.Deserialize<SpeakerSession[]>(state.Sessions)!.Select(it => new Session
            {
                Neighbour = it.Neighbour,
                Established = it.IsEstablished,
                Families = { it.Families },
            }));
            return described;
        }
    }
}
