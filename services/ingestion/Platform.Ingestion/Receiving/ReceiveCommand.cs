using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Text.Json;
using Platform.Ingestion.Exporters;
using Platform.Ingestion.Flows;
using Platform.Ingestion.Windows;

namespace Platform.Ingestion.Receiving;

/// <summary><c>receive</c>: the receiving half of ingestion by itself, without database and broker: for foreign generators and benchmarks.</summary>
internal static class ReceiveCommand
{
    private const string Usage = """
        ./platform run ingestion [--listen ADDRESS:PORT] [--prefix CIDR]... [--receivers N] [--buffer BYTES] [--seconds S]

        The receiving half of ingestion alone, without database and broker, for any generator: takes NetFlow v5 and v9, IPFIX and sFlow v5 from any
        sender on one UDP port, decodes, matches prefixes and counts per host and second just as the service does, and sends the windows nowhere.
          --listen     UDP address, default 127.0.0.1:2055
          --prefix     protected prefix, default 10.0.0.0/8; may be repeated
          --receivers  receiving threads, default one for each core
          --buffer     receive buffer of each socket in bytes, default 67108864 (above net.core.rmem_max only with CAP_NET_ADMIN)
          --seconds    ends by itself; else SIGTERM or SIGINT ends it
        The first line says where it listens. The last line is JSON: datagrams, records, matched, bytes and packets to protected hosts (scaled by
        the sampling rate) and outgoingBytes and outgoingPackets from them, lateBytes, mostRows, errors by reason, kernelDrops, cpuSeconds of the whole process.

        For example, with the program started in another terminal: flowgen -p v9 -P 2055 -r 4000000 -t 10 -n 1000000000
        `./platform bench ingestion` does that for all formats and rates.

        """;

    /// <returns>0; 1 when the port is in use; 2 when the arguments are wrong.</returns>
    public static async Task<int> Run(IReadOnlyList<string> arguments, TextWriter output, TextWriter errors, TimeProvider clock, CancellationToken cancellationToken = default)
    {
        var (listen, prefixes, receivers, buffer, seconds) =
            (new IPEndPoint(IPAddress.Loopback, 2055), new List<IPNetwork>(), Environment.ProcessorCount, 64 << 20, 0);
        for (var i = 0; i < arguments.Count; i += 2)
        {
            var value = i + 1 < arguments.Count ? arguments[i + 1] : "";
            var isGood = arguments[i] switch
            {
                "--listen" => IPEndPoint.TryParse(value, out listen!) && listen.Port > 0,
                "--prefix" => IPNetwork.TryParse(value, out var prefix) && Add(prefixes, prefix),
                "--receivers" => TryNumber(value, 1, 64, out receivers),
                "--buffer" => TryNumber(value, 65_536, 1 << 30, out buffer),
                "--seconds" => TryNumber(value, 1, 1_000_000, out seconds),
                _ => false,
            };
            if (arguments[i] is "--help" or "-h")
            {
                await output.WriteAsync(Usage);
                return 0;
            }

            if (!isGood)
            {
                await errors.WriteLineAsync($"'{arguments[i]} {value}' is not understood.");
                await errors.WriteAsync(Usage);
                return 2;
            }
        }

        FlowReceiver.Rehearse();
        DatagramSocket[] sockets;
        try
        {
            sockets = DatagramSocket.Open(listen, receivers, buffer);
        }
        catch (IOException inUse)
        {
            await errors.WriteLineAsync(inUse.Message);
            return 1;
        }

        if (prefixes.Count == 0)
        {
            prefixes.Add(IPNetwork.Parse("10.0.0.0/8"));
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        if (seconds > 0)
        {
            stop.CancelAfter(TimeSpan.FromSeconds(seconds));
        }

        await output.WriteLineAsync($"listening on {listen}, {receivers} receiver(s), receive buffer {sockets[0].BufferBytes} bytes each");
        var result = await Count(sockets, prefixes, clock, stop.Token);
        await output.WriteLineAsync(JsonSerializer.Serialize(result));
        return 0;

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }
    }

    private static async Task<Dictionary<string, object>> Count(
        DatagramSocket[] sockets, List<IPNetwork> prefixes, TimeProvider clock, CancellationToken stop)
    {
        var objects = new ProtectedObjects
        {
            Current = new ProtectedView([new ProtectedObject(Guid.Empty, Guid.Empty, 1, prefixes, ulong.MaxValue, ulong.MaxValue)]),
        };
        var exporters = new ExporterRegistry(acceptsAll: true);
        var queue = new WindowQueue();
        var windows = new WindowOptions();
        var receivers = sockets
            .Select(socket => new FlowReceiver(
                socket, exporters, new WindowCounter(objects, windows.ReachSeconds, windows.RowLimit), queue, windows.SendEveryMilliseconds, clock))
            .ToArray();
        var threads = receivers.Select(receiver => new Thread(() => receiver.Run(stop)) { IsBackground = true }).ToArray();
        Array.ForEach(threads, thread => thread.Start());

        var adding = Sum(queue);
        foreach (var thread in threads)
        {
            await Task.Run(thread.Join, CancellationToken.None);
        }

        queue.Complete();
        var (received, sent, hosts) = await adding;
        var contexts = exporters.All.Select(exporter => exporter.Context).ToList();
        var result = new Dictionary<string, object>
        {
            ["datagrams"] = receivers.Sum(receiver => receiver.Datagrams),
            ["records"] = contexts.Sum(context => context.Records),
            ["matched"] = receivers.Sum(receiver => receiver.Counter.Totals.Matched),
            ["bytes"] = received.Bytes,
            ["packets"] = received.Packets,
            ["outgoingBytes"] = sent.Bytes,
            ["outgoingPackets"] = sent.Packets,
            ["lateBytes"] = receivers.Aggregate(0UL, (sum, receiver) => sum + receiver.Counter.Totals.LateBytes),
            ["mostRows"] = hosts,
            ["errors"] = Enum.GetValues<DecodeError>()
                .Select(error => (Name: error.ToString(), Count: contexts.Sum(context => context.Errors[(int)error])))
                .Where(error => error.Count > 0)
                .ToDictionary(error => JsonNamingPolicy.CamelCase.ConvertName(error.Name), error => error.Count),
            ["kernelDrops"] = sockets.Sum(socket => socket.KernelDrops()),
            ["cpuSeconds"] = Environment.CpuUsage.TotalTime.TotalSeconds,
        };
        Array.ForEach(receivers, receiver => receiver.Dispose());
        return result;
    }

    private static async Task<(Amounts Received, Amounts Sent, int MostRows)> Sum(WindowQueue queue)
    {
        var sums = new Amounts[2];
        var most = 0;
        await foreach (var filled in queue.TakeAll())
        {
            Add(filled.V4, sums);
            Add(filled.V6, sums);
            most = Math.Max(most, filled.Count);
            filled.Release();
        }

        return (sums[0], sums[1], most);
    }

    private static void Add<THost>(WindowRows<THost> rows, Amounts[] sums)
        where THost : unmanaged, IEquatable<THost>
    {
        for (var i = 0; i < rows.Count; i++)
        {
            ref var row = ref rows[i];
            sums[(uint)row.Vectors >> 31] += new Amounts(row.Bytes, row.Packets, row.Flows);
        }
    }

    private static bool Add(List<IPNetwork> prefixes, IPNetwork prefix)
    {
        prefixes.Add(prefix);
        return true;
    }

    private static bool TryNumber(string text, int least, int most, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number >= least && number <= most;
}
