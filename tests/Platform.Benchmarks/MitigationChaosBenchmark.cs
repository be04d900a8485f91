using System.Globalization;
using Platform.Local.Chaos;

namespace Platform.Benchmarks;

/// <summary>
/// 100 kills of mitigation, two GoBGP, a scrubber's agent, RabbitMQ and PostgreSQL during 50 attacks that begin, grow and end meanwhile, with the kill switch
/// turned and released; and what is left of them. <c>bench mitigation-chaos [kills] [attacks] [seed]</c>
/// </summary>
internal static class MitigationChaosBenchmark
{
    public static async Task<object> Run(string[] arguments)
    {
        var result = await new MitigationChaos(Number(2, 1), kills: Number(0, 100), attacks: Number(1, 50), Console.WriteLine).Run();
        foreach (var wrong in result.Wrong)
        {
            Console.WriteLine(wrong);
        }

        var figures = new Dictionary<string, double>(result.KillsByServer.Select(it => KeyValuePair.Create($"kills_{it.Key}", (double)it.Value)))
        {
            ["seed"] = result.Seed,
            ["kills"] = result.Kills,
            ["attacks"] = result.Attacks,
            ["attacks_at_once"] = result.AttacksAtOnce,
            ["run_s"] = result.Seconds,
            ["settled_s"] = result.SettledAfterSeconds,
            ["resumed"] = result.Resumed,
            ["routes_too_many"] = result.RoutesTooMany.Count,
            ["routes_too_few"] = result.RoutesTooFew.Count,
            ["filters_too_many"] = result.FiltersTooMany.Count,
            ["filters_too_few"] = result.FiltersTooFew.Count,
            ["streams_untold"] = result.StreamsUntold.Count,
        };
        return result.Wrong.Any()
            ? throw new WrongFiguresException(figures, "There are routes or filters too many or too few, or streams that do not tell why.")
            : figures;

        int Number(int index, int otherwise) => arguments.Length > index ? int.Parse(arguments[index], CultureInfo.InvariantCulture) : otherwise;
    }
}
