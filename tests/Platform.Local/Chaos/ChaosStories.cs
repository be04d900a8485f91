using System.Globalization;
using System.Text.Json;
using Npgsql;

namespace Platform.Local.Chaos;

/// <summary>One event of a stream.</summary>
/// <param name="Order">Its place among all events.</param>
/// <param name="Data">As it is stored.</param>
internal sealed record ChaosEvent(string Type, long Order, JsonElement Data)
{
    public Guid Countermeasure => Data.GetProperty("CountermeasureId").GetGuid();
}

/// <summary>What the streams tell of the attacks, and whether it is all of it.</summary>
/// <param name="Streams">By anomaly.</param>
/// <param name="Engaged">Place of the kill switch's event among all; null: not yet.</param>
/// <param name="Released">The same of its release.</param>
internal sealed record ChaosStories(IReadOnlyDictionary<Guid, IReadOnlyList<ChaosEvent>> Streams, long? Engaged, long? Released)
{
    /// <summary>Who holds routes and rules, and who holds filters: names as in mitigation's settings.</summary>
    public static readonly string[] Speakers = ["gobgp", "second"], Agents = ["agent"];

    private const int Scrubbing = 4, ByEnd = 1, ByKillSwitch = 5;

    public static async Task<ChaosStories> Read(string connectionString)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            """
            select b.anomaly::uuid, e.type, e.seq_id, e.data::text
            from (select stream_id, coalesce(data->>'AnomalyId', data->'Scope'->>'AnomalyId') as anomaly from events.mt_events where version = 1) b
            join events.mt_events e using (stream_id)
            where b.anomaly is not null or e.type in ('kill_switch_engaged', 'kill_switch_released')
            order by e.seq_id
            """,
            connection);
        await using var row = await command.ExecuteReaderAsync();
        var all = new List<(Guid? Anomaly, ChaosEvent Event)>();
        while (await row.ReadAsync())
        {
            all.Add((
                await row.IsDBNullAsync(0) ? null : row.GetGuid(0),
                new(row.GetString(1), row.GetInt64(2), JsonSerializer.Deserialize<JsonElement>(row.GetString(3)))));
        }

        return new(
            all.Where(it => it.Anomaly is not null).GroupBy(it => it.Anomaly!.Value, it => it.Event)
                .ToDictionary(it => it.Key, it => (IReadOnlyList<ChaosEvent>)[.. it]),
            all.FirstOrDefault(it => it.Event.Type == "kill_switch_engaged").Event?.Order,
            all.FirstOrDefault(it => it.Event.Type == "kill_switch_released").Event?.Order);
    }

    /// <summary>Whether its defence began anew after the kill switch.</summary>
    public bool IsResumed(ChaosAttack attack) => Of(attack).Count(it => it.Type == "mitigation_started") > 1;

    /// <summary>Whether it is defended, and nobody has said yet that it shall not be any more.</summary>
    public bool Stands(ChaosAttack attack) => Of(attack).LastOrDefault(it => it.Type is "mitigation_started" or "withdrawal_requested") is { Type: "mitigation_started" };

    /// <summary>What is missing in the story of an attack, or too much; null: it is whole.</summary>
    /// <param name="attack">Which.</param>
    /// <param name="isOver">Whether its end was told.</param>
    public string? Untold(ChaosAttack attack, bool isOver)
    {
        var stream = Of(attack);
        return Fault(attack, stream, isOver) is { } fault
            ? $"{attack.Kind} {attack.Target} ({attack.BeginsAtKill}, {attack.GrowsAtKill}, {attack.EndsAtKill}): {fault}: {string.Join(' ', stream.Select(Word))}"
            : null;
    }

    /// <summary>A defence that the kill switch ended begins anew when it is released; each beginning is a story of its own.</summary>
    private string? Fault(ChaosAttack attack, IReadOnlyList<ChaosEvent> stream, bool isOver)
    {
        if (stream.Count(it => it.Type == "anomaly_end_noted") != (isOver ? 1 : 0))
        {
            return "its end";
        }

        var starts = stream.Where(it => it.Type == "mitigation_started").Select(it => it.Order).ToList();
        if (starts.Count == 0)
        {
            return FaultOfUnanswered(attack, stream, isOver);
        }

        if (starts.Count > 2 || (starts.Count == 2 && !(Released < starts[1])))
        {
            return "begun again for nothing";
        }

        var stories = starts.Select((start, i) => stream.Where(it => it.Order >= start && (i + 1 == starts.Count || it.Order < starts[i + 1])).ToList()).ToList();
        return stories.Select((story, i) => FaultOf(attack, story, stream, isOver: isOver || i + 1 < stories.Count, i + 1 < stories.Count ? stories[i + 1] : [])).FirstOrDefault(fault => fault is not null);
    }

    /// <summary>
    /// A story that is over says once that and why it goes, of each countermeasure once that it went, and its end. While a speaker that is away still holds
    /// something the next begins at once, for the others: then this one has no end of its own, and what was left of it is asked for again or goes in the next.
    /// </summary>
    private string? FaultOf(ChaosAttack attack, List<ChaosEvent> story, IReadOnlyList<ChaosEvent> stream, bool isOver, List<ChaosEvent> next)
    {
        var requested = All("countermeasure_requested");
        if (requested.DistinctBy(it => it.Countermeasure).Count() != requested.Count)
        {
            return "asked for twice";
        }

        var announced = All("countermeasure_announced").Select(it => (it.Countermeasure, Speaker: it.Data.GetProperty("Speaker").GetString())).ToList();
        if (announced.Distinct().Count() != announced.Count)
        {
            return "in force twice";
        }

        var (ends, leaves) = (All("mitigation_ended"), All("withdrawal_requested"));
        if (!isOver)
        {
            var open = requested.Where(it => All("countermeasure_withdrawn").All(gone => gone.Countermeasure != it.Countermeasure)).ToList();
            return ends.Count + leaves.Count > 0 ? "given up"
                : open.Count != attack.Countermeasures ? $"{open.Count} countermeasures of {attack.Countermeasures}"
                : open.Any(it => HoldersOf(it).Except(announced.Where(held => held.Countermeasure == it.Countermeasure).Select(held => held.Speaker)).Any()) ? "not in force everywhere"
                : null;
        }

        var isCutShort = next.Count > 0 && ends.Count == 0;
        if (leaves is not [var leaving] || (ends.Count != 1 && !isCutShort))
        {
            return "not ended";
        }

        return leaving.Data.GetProperty("Reason").GetInt32() switch
        {
            ByEnd when !stream.Any(it => it.Type == "anomaly_end_noted" && it.Order < leaving.Order) => "withdrawn before its end",
            ByKillSwitch when !(Engaged < leaving.Order && story[0].Order < Released) => "withdrawn for a kill switch that was not engaged",
            not (ByEnd or ByKillSwitch) => "withdrawn for nothing",
            _ when isCutShort && requested.All(it => Gone(story, it) == 1) => "not ended though nothing is held",
            _ when requested.Any(it => Gone(story, it) != 1 && !(isCutShort && Gone(story, it) == 0 && (IsAskedAgain(it) || Gone(next, it) == 1))) => "not withdrawn, or twice",
            _ => null,
        };

        IReadOnlyList<ChaosEvent> All(string type) => [.. story.Where(it => it.Type == type)];

        bool IsAskedAgain(ChaosEvent it) => next.Any(again => again.Type == "countermeasure_requested" && again.Countermeasure == it.Countermeasure);

        static int Gone(List<ChaosEvent> told, ChaosEvent it) => told.Count(gone => gone.Type == "countermeasure_withdrawn" && gone.Countermeasure == it.Countermeasure);
    }

    private string? FaultOfUnanswered(ChaosAttack attack, IReadOnlyList<ChaosEvent> stream, bool isOver)
    {
        if (stream.LastOrDefault(it => it.Type == "mitigation_failed") is not { } refused)
        {
            return isOver && stream is [{ Type: "anomaly_end_noted" }] ? null : "unheard"; // the end was heard first: there was nothing left to defend
        }

        return refused.Data.GetProperty("Code").GetString() switch
        {
            "no-step-fits" when attack.Kind is ChaosKind.Mild or ChaosKind.Scrubbed && isOver => null, // before it was heard that it grew, or that an agent is there
            "kill-switch-engaged" when isOver && Engaged < refused.Order && refused.Order < Released => null,
            var code => $"refused with {code}",
        };
    }

    private IReadOnlyList<ChaosEvent> Of(ChaosAttack attack) => Streams.GetValueOrDefault(attack.AnomalyId, []);

    private static string[] HoldersOf(ChaosEvent requested) => requested.Data.GetProperty("Kind").GetInt32() == Scrubbing ? Agents : Speakers;

    private static string Word(ChaosEvent it) => string.Create(CultureInfo.InvariantCulture, $"{it.Order}:{it.Type}{Detail(it.Data)}");

    private static string Detail(JsonElement data) =>
        string.Concat(from name in (string[])["Reason", "Code", "Speaker"] where data.TryGetProperty(name, out var value) select $"({data.GetProperty(name)})");
}
