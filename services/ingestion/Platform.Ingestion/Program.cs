using Platform.Hosting;
using Platform.Ingestion;
using Platform.Ingestion.Captures;
using Platform.Ingestion.Receiving;

switch (args)
{
    case ["decode", .. var arguments]:
        return DecodeCommand.Run(arguments, Console.OpenStandardOutput(), Console.Error, TimeProvider.System);
    case ["receive", .. var arguments]:
        return await ReceiveCommand.Run(arguments, Console.Out, Console.Error, TimeProvider.System);
}

var builder = WebApplication.CreateBuilder(args);
builder.AddPlatform("ingestion"); // telemetry, health, callers, clock
builder.AddIngestion();

var app = builder.Build();
app.MapPlatform();
app.MapIngestion();
return await app.RunPlatformAsync(args);
