using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Platform.Testing;

namespace Platform.Benchmarks;

/// <summary>
/// What the receiving half of ingestion (decode, longest-prefix match, counting per host and second) does with datagrams over a real socket on loopback, with one
/// receiving thread. The service's own program runs as a process of its own on one core; the datagrams come from another: from flowgen of the shared tools
/// when it is beside the repository and gcc is there, else from here. CPU seconds are user and system time of the receiving process from
/// the start of sending until all is taken. <c>bench ingestion [seconds] [v5|v9|ipfix|sflow|hosts]...</c>
/// </summary>
internal static class IngestionBenchmark
{
    private const int Hosts = 10_000;
    private const int ManyHosts = 1_000_000;
    private static readonly double[] Ladder = [0.5, 1, 2, 3, 4, 5, 6, 8, 10];

    public static async Task<object> Run(string[] arguments)
    {
        var seconds = arguments.Length > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : 3;
        var generator = FlowGenerator();
        Console.WriteLine(generator is null ? "datagrams from this program" : $"datagrams from {generator}");
        var figures = new Dictionary<string, object>();
        foreach (var format in ((string[])["v5", "v9", "ipfix", "sflow"]).Where(IsWanted))
        {
            var (best, least, lossless) = (0.0, double.MaxValue, 0.0);
            foreach (var millions in Ladder)
            {
                var run = await Try();
                if (run.Lost > 0)
                {
                    run = await Try(); // the machine may have been busy with something else
                }

                Task<Figures> Try() => Measure(
                    port => generator is null
                        ? Send(FlowDatagrams.Of(format, Hosts), port, millions * 1e6, seconds)
                        : SendWith(generator, format, port, millions * 1e6, seconds));

                Console.WriteLine(Line($"{format}: {run.SentPerSecond / 1e6:0.00} million records/s sent, {run.Lost} of {run.Sent} lost, {run.PerCpuSecond / 1e6:0.00} million per CPU-second"));
                (best, least) = (Math.Max(best, run.PerCpuSecond), Math.Min(least, run.PerCpuSecond));
                lossless = run.Lost > 0 ? lossless : Math.Max(lossless, run.SentPerSecond);
                if (run.Lost > 0 || run.SentPerSecond < 0.9e6 * millions)
                {
                    break; // the receiver, or the generator, has reached its limit
                }
            }

            figures[$"{format}_records_per_cpu_s"] = Math.Round(best);
            figures[$"{format}_least_records_per_cpu_s"] = Math.Round(least); // at the least favourable rate of the ladder
            figures[$"{format}_lossless_records_s"] = Math.Round(lossless);
        }

        if (!IsWanted("hosts"))
        {
            return figures;
        }

        var many = await Measure(port => Send(FlowDatagrams.Of("v9", ManyHosts), port, 2e6, 4));
        var service = await IngestionServiceMemory.Measure();
        Console.WriteLine(Line($"a million hosts: {many.PeakMegabytes:0} MB in the receiving half, {service.PeakMegabytes:0} MB in the whole service, which sent {service.Windows} windows"));
        figures["hosts_1m_receiving_mb"] = Math.Round(many.PeakMegabytes);
        figures["hosts_1m_mb"] = Math.Round(service.PeakMegabytes);
        return figures;

        bool IsWanted(string part) => arguments.Length < 2 || arguments.AsSpan(1).Contains(part);
    }

    private static async Task<Figures> Measure(Func<int, Task<(long Records, double Seconds)>> send)
    {
        var port = Loopback.FreePort();
        string[] receive =
        [
            Path.Combine(Repository.Path("artifacts", "bin", "Platform.Ingestion", "release"), "Platform.Ingestion"),
            "receive", "--listen", $"127.0.0.1:{port}", "--prefix", "10.0.0.0/8", "--receivers", "1",
        ];
        using var receiver = Start(OnCore(0, receive));
        await receiver.StandardOutput.ReadLineAsync(); // it listens
        await Task.Delay(1000); // and has warmed up

        receiver.Refresh();
        var before = receiver.TotalProcessorTime;
        var (sent, elapsed) = await send(port);
        await Task.Delay(500); // what is in the socket buffer
        receiver.Refresh();
        var cpu = receiver.TotalProcessorTime - before;
        var peak = PeakMegabytes(receiver.Id);
        using (Process.Start("kill", ["-TERM", $"{receiver.Id}"]))
        {
        }

        var result = JsonDocument.Parse((await receiver.StandardOutput.ReadToEndAsync()).Split('\n')[^2]).RootElement;
        await receiver.WaitForExitAsync();
        var records = result.GetProperty("records").GetInt64();
        return new Figures(sent, sent / elapsed, sent - records, records / cpu.TotalSeconds, peak);
    }

    private static async Task<(long Records, double Seconds)> SendWith(string generator, string format, int port, double recordsPerSecond, int seconds)
    {
        string[] arguments = [
            generator, "-p", format, "-P", $"{port}", "-H", $"{Hosts}", "-n", "1000000000", "-t", $"{seconds}",
            "-r", recordsPerSecond.ToString(CultureInfo.InvariantCulture),
        ];
        using var process = Start(OnCore(1, arguments));
        var said = JsonDocument.Parse(await process.StandardOutput.ReadToEndAsync()).RootElement;
        await process.WaitForExitAsync();
        return (said.GetProperty("records").GetInt64(), said.GetProperty("seconds").GetDouble());
    }

    internal static Task<(long Records, double Seconds)> Send(FlowDatagrams flows, int port, double recordsPerSecond, int seconds) => Task.Run(async () =>
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Connect(new IPEndPoint(IPAddress.Loopback, port));
        if (flows.Template is { } template)
        {
            socket.Send(template);
        }

        var clock = Stopwatch.StartNew();
        var (sent, next) = (0L, 0);
        while (clock.Elapsed.TotalSeconds < seconds)
        {
            var due = (long)(clock.Elapsed.TotalSeconds * recordsPerSecond);
            if (sent >= due)
            {
                await Task.Delay(1); // leaves its core to the others
            }

            for (var burst = 0; sent < due && burst < 64; burst++)
            {
                socket.Send(flows.Datagrams[next]);
                next = next + 1 == flows.Datagrams.Length ? 0 : next + 1;
                sent += flows.RecordsPerDatagram;
            }
        }

        return (sent, clock.Elapsed.TotalSeconds);
    });

    // Compiled anew: the source may have changed. Null when the tools are not there.
    private static string? FlowGenerator()
    {
        var source = Repository.Path("..", "shared", "tools", "flowgen.c");
        if (!File.Exists(source) || !File.Exists("/usr/bin/gcc"))
        {
            return null;
        }

        var program = Repository.Path("artifacts", "flowgen");
        using var compiler = Process.Start("/usr/bin/gcc", ["-O2", "-o", program, source]);
        compiler.WaitForExit();
        return compiler.ExitCode == 0 ? program : null;
    }

    private static string[] OnCore(int core, string[] command) =>
        Environment.ProcessorCount > 1 && File.Exists("/usr/bin/taskset") ? ["/usr/bin/taskset", "-c", $"{core}", .. command] : command;

    private static Process Start(string[] command) =>
        Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true })
        ?? throw new InvalidOperationException($"{command[0]} did not start.");

    internal static double PeakMegabytes(int process) =>
        File.ReadLines($"/proc/{process}/status")
            .Where(line => line.StartsWith("VmHWM:", StringComparison.Ordinal))
            .Select(line => double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024)
            .Single();

    private static string Line(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private sealed record Figures(long Sent, double SentPerSecond, long Lost, double PerCpuSecond, double PeakMegabytes);
}

/// <summary>Datagrams that together name every host of 10.0.0.0/8 up to a number, with flows of four seconds that ended one second ago.</summary>
internal sealed record FlowDatagrams(byte[][] Datagrams, int RecordsPerDatagram, byte[]? Template)
{
    private const uint UptimeMs = 100_000_000;
    private const uint ExportedSecond = 1_700_000_000;

    private static readonly (int Element, int Length)[] Common =
        [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (6, 1), (5, 1), (10, 4), (14, 4), (2, 4), (1, 4)];

    public static FlowDatagrams Of(string format, int hosts)
    {
        var records = format == "sflow" ? 7 : 30;
        var datagrams = Enumerable.Range(0, (hosts + records - 1) / records)
            .Select(number => Datagram(format, Enumerable.Range(number * records, records).Select(host => (uint)(host % hosts))))
            .ToArray();
        return new(datagrams, records, format is "v9" or "ipfix" ? TemplateOf(format) : null);
    }

    private static byte[] Datagram(string format, IEnumerable<uint> hosts)
    {
        var bytes = new Writer();
        var all = hosts.ToArray();
        var length = format == "v9" ? 39 : 47;
        switch (format)
        {
            case "v5":
                bytes.U16(5).U16(all.Length).U32(UptimeMs).U32(ExportedSecond).U32(0).U32(0).U16(0).U16(1 << 14 | 1000);
                break;
            case "v9":
                bytes.U16(9).U16(all.Length).U32(UptimeMs).U32(ExportedSecond).U32(0).U32(1).U16(256).U16(4 + all.Length * length);
                break;
            case "ipfix":
                bytes.U16(10).U16(20 + all.Length * length).U32(ExportedSecond).U32(0).U32(1).U16(256).U16(4 + all.Length * length);
                break;
            default:
                bytes.U32(5).U32(1).U32(0x7F00_0001).U32(0).U32(0).U32(UptimeMs).U32((uint)all.Length);
                break;
        }

        foreach (var host in all)
        {
            Record(format, host, bytes);
        }

        return bytes.ToArray();
    }

    private static void Record(string format, uint host, Writer bytes)
    {
        var (source, destination) = (0xC612_0000 | (host * 2_654_435_761u >> 15), 0x0A0A_0000 + host);
        var protocol = (byte)(host % 20 < 14 ? 6 : host % 20 < 19 ? 17 : 1);
        var packets = 1 + host % 20;
        if (format == "sflow")
        {
            bytes.U32(1).U32(184).U32(host).U32(1).U32(1000).U32(host).U32(0).U32(1).U32(2).U32(1)
                .U32(1).U32(144).U32(1).U32(800).U32(4).U32(128)
                .U32(0x0200_0000).U32(0x0001_0200).U32(0x0000_0002).U16(0x0800)
                .U16(0x4500).U16(782).U32(0).U8(64).U8(protocol).U16(0).U32(source).U32(destination)
                .U16(443).U16(40_000).U32(0).U32(0).U16(0x5018);
            bytes.Zero(128 - 14 - 20 - 14);
            return;
        }

        bytes.U32(source).U32(destination);
        if (format == "v5")
        {
            bytes.U32(0).U16(1).U16(2).U32(packets).U32(packets * 700).U32(UptimeMs - 5000).U32(UptimeMs - 1000)
                .U16(443).U16(40_000).U8(0).U8(0x1B).U8(protocol).U8(0).U16(64_500).U16(64_501).U8(24).U8(24).U16(0);
            return;
        }

        bytes.U16(443).U16(40_000).U8(protocol).U8(0x1B).U8(0).U32(1).U32(2).U32(packets).U32(packets * 700);
        if (format == "v9")
        {
            bytes.U32(UptimeMs - 5000).U32(UptimeMs - 1000);
        }
        else
        {
            bytes.U64(ExportedSecond * 1000ul - 5000).U64(ExportedSecond * 1000ul - 1000);
        }
    }

    private static byte[] TemplateOf(string format)
    {
        (int, int)[] fields = [.. Common, .. format == "v9" ? ((int, int)[])[(22, 4), (21, 4)] : [(152, 8), (153, 8)]];
        var set = new Writer().U16(256).U16(fields.Length);
        foreach (var (element, length) in fields)
        {
            set.U16(element).U16(length);
        }

        var content = set.ToArray();
        var header = format == "v9"
            ? new Writer().U16(9).U16(1).U32(UptimeMs).U32(ExportedSecond).U32(0).U32(1).U16(0)
            : new Writer().U16(10).U16(20 + content.Length).U32(ExportedSecond).U32(0).U32(1).U16(2);
        return [.. header.U16(4 + content.Length).ToArray(), .. content];
    }

    private sealed class Writer
    {
        private readonly List<byte> _bytes = [];

        public byte[] ToArray() => [.. _bytes];

        public Writer U8(int value) => Add(1, (ulong)value);

        public Writer U16(int value) => Add(2, (ulong)value);

        public Writer U32(uint value) => Add(4, value);

        public Writer U64(ulong value) => Add(8, value);

        public void Zero(int count) => _bytes.AddRange(new byte[count]);

        private Writer Add(int length, ulong value)
        {
            Span<byte> whole = stackalloc byte[8];
            BinaryPrimitives.WriteUInt64BigEndian(whole, value);
            _bytes.AddRange(whole[(8 - length)..]);
            return this;
        }
    }
}
